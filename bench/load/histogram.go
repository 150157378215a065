package main

import "math/bits"

// histogram counts microseconds in buckets that are at most 1/32 of their value wide. So a quantile of any size is
// right within 3 %. The largest value is kept exactly.
type histogram struct {
	buckets [bucketCount]uint32
	count   int64
	max     int64
}

const (
	subBits     = 5
	subBuckets  = 1 << subBits
	bucketCount = subBuckets * (40 - subBits) // up to 2^39 microseconds, six days
)

func (h *histogram) add(micros int64) {
	micros = max(micros, 0)
	h.buckets[min(bucketOf(micros), bucketCount-1)]++
	h.count++
	h.max = max(h.max, micros)
}

func (h *histogram) merge(other *histogram) {
	for i, count := range other.buckets {
		h.buckets[i] += count
	}
	h.count += other.count
	h.max = max(h.max, other.max)
}

// quantile is the upper bound of the bucket that has the value of that rank, but at most the largest value.
func (h *histogram) quantile(q float64) int64 {
	rank := int64(q * float64(h.count))
	var seen int64
	for i, count := range h.buckets {
		seen += int64(count)
		if seen > rank {
			return min(upperBound(i), h.max)
		}
	}
	return h.max
}

func bucketOf(micros int64) int {
	if micros < subBuckets {
		return int(micros)
	}
	shift := bits.Len64(uint64(micros)) - subBits - 1
	return (shift+1)*subBuckets + int(micros>>shift) - subBuckets
}

func upperBound(bucket int) int64 {
	if bucket < subBuckets {
		return int64(bucket)
	}
	shift := bucket/subBuckets - 1
	return (int64(bucket%subBuckets+subBuckets+1) << shift) - 1
}
