// The Dockerfile as stages of instructions.

import { read } from './project-files.ts'

interface Instruction {
  readonly name: string
  readonly text: string
}

export interface Stage {
  readonly from: string
  readonly as: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Continued lines joined, comments left out. */
export const stages: Stage[] = read('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split(/^(?=FROM )/m)
  .filter((text) => text.startsWith('FROM '))
  .map((text) => {
    const [first = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '')
    const [, from = '', as] = /^FROM (\S+)(?: AS (\S+))?$/.exec(first) ?? []
    const instructions = lines.map((line) => ({
      name: line.split(' ', 1)[0] ?? '',
      text: line.replace(/^\S+\s+/, ''),
    }))
    return { from, as, instructions }
  })
export const final = stages.at(-1) ?? { from: '', as: undefined, instructions: [] }
export const all = (stage: Stage, name: string) =>
  stage.instructions.filter((one) => one.name === name).map(({ text }) => text)
export const one = (stage: Stage, name: string) => all(stage, name).at(-1) ?? ''
