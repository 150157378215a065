// Counting values into buckets.

import { expect, it } from 'vitest'
import { createHistogram, observe, quantile } from '../../../src/histograms/histogram.ts'

const BOUNDS = [0.1, 1]

it('a value counts in the first bucket whose bound it does not exceed, or in the last one', () => {
  const histogram = createHistogram(BOUNDS)
  for (const value of [0, 0.1, 0.11, 1, 1.01, 1e9]) observe(histogram, BOUNDS, value)
  expect(histogram.counts).toEqual([2, 2, 2])
  expect(histogram.sum).toBeCloseTo(1e9 + 2.22)
})

it('a time before it began, as of two clocks that differ, counts as 0', () => {
  const histogram = createHistogram(BOUNDS)
  observe(histogram, BOUNDS, -5)
  expect(histogram).toEqual({ counts: [1, 0, 0], sum: 0 })
})

it('a quantile is between the bounds of its bucket, the last bound for all beyond it, and null without values', () => {
  expect(quantile([0, 0, 0], BOUNDS, 0.5)).toBeNull()
  expect(quantile([4, 0, 0], BOUNDS, 0.5)).toBeCloseTo(0.05)
  expect(quantile([2, 2, 0], BOUNDS, 0.75)).toBeCloseTo(0.55)
  expect(quantile([0, 10, 0], BOUNDS, 0.99)).toBeCloseTo(0.991)
  expect(quantile([1, 0, 9], BOUNDS, 0.99)).toBe(1)
})
