// What may happen next in a case of the resume model. Each command has words, so that a course that fast-check has
// shrunk reads as a story, a line for each. Partitions are modulo their number in the topic.

import fc from 'fast-check'
import { type Case, CLOCK_ERRORS_MS, LONG_MS } from './case.ts'
import { mostly } from './choice.ts'
import { CUTS, reads, tellReads } from './reads.ts'
import { tellWritten, written } from './written.ts'

export interface Command {
  readonly run: (on: Case) => void | Promise<void>
  readonly words: (partitions: number) => string
}

const partition = fc.nat(11)
const server = fc.nat(1)
const client = fc.nat(2)
const cut = fc.constantFrom(...CUTS)
/** How much of the changes is told: all, or one part of a few segments. */
const parts = fc.constantFrom(...mostly([[Number.POSITIVE_INFINITY, 3] as const, [1, 1] as const]))

/** Any command. The numbers say how often each comes in 1,200. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  may(312, written, (on, what) => on.write(what), tellWritten),
  may(
    144,
    fc.tuple(server, fc.integer({ min: 1, max: 20 })),
    (on, [at, records]) => on.serverAt(at).read(records),
    ([at, records]) => `server ${at} reads up to ${records} records`,
  ),
  may(
    40,
    server,
    (on, at) => on.serverAt(at).publish(),
    (at) => `server ${at} publishes`,
  ),
  may(
    40,
    fc.tuple(server, parts),
    (on, [at, of]) => on.serverAt(at).report(of),
    ([at, of]) => `server ${at} tells its worker ${of === 1 ? 'a part of the changes' : 'the changes'}`,
  ),
  may(
    40,
    fc.tuple(server, parts),
    (on, [at, of]) => on.show(at, of),
    ([at, of]) =>
      `server ${at} publishes, checks whether it has caught up, tells its worker ${of === 1 ? 'a part' : 'all'}`,
  ),
  may(
    48,
    server,
    (on, at) => on.look(at),
    (at) => `server ${at} asks Kafka for the partitions and their watermarks`,
  ),
  may(216, reads, (on, what) => on.read(what), tellReads),
  may(
    60,
    fc.tuple(client, cut),
    (on, [who, ends]) => on.clientAt(who).heartbeat(ends),
    ([who, ends]) => `client ${who} gets a heartbeat${ends === 'behind' ? ', and is cut' : ''}`,
  ),
  may(
    36,
    client,
    (on, who) => on.clientAt(who).disconnect(),
    (who) => `client ${who} disconnects`,
  ),
  may(
    72,
    fc.tuple(server, fc.nat(99), fc.constantFrom(false, false, true)),
    (on, [at, steps, tells]) => on.tidy(at, steps, tells),
    ([at, steps, tells]) =>
      `server ${at} does ${steps} steps of housekeeping${tells ? ', and tells its worker' : ''}`,
  ),
  may(
    15,
    fc.tuple(server, fc.constantFrom(...CLOCK_ERRORS_MS)),
    (on, [at, errorMs]) => on.setClock(at, errorMs),
    ([at, errorMs]) => `the wall clock of server ${at} is wrong by ${errorMs} ms`,
  ),
  may(
    45,
    fc.oneof({ weight: 19, arbitrary: fc.nat(99) }, { weight: 1, arbitrary: fc.constant(LONG_MS) }),
    (on, ms) => on.pass(ms),
    (ms) => `${ms} ms go by`,
  ),
  may(
    36,
    server,
    (on, at) => on.serverAt(at).answer(),
    (at) => `Kafka answers server ${at}`,
  ),
  may(
    24,
    fc.tuple(partition, fc.constantFrom(false, false, true)),
    (on, [at, isSilent]) => on.silence(at, isSilent),
    ([at, isSilent], of) =>
      `the leader of partition ${at % of} ${isSilent ? 'falls silent' : 'answers again'}`,
  ),
  may(
    12,
    server,
    (on, at) => on.cutOff(at),
    (at) => `server ${at} cannot reach Kafka for 10 minutes, while Kafka compacts`,
  ),
  may(
    12,
    server,
    (on, at) => on.restart(at),
    (at) => `server ${at} is restarted`,
  ),
  may(
    4,
    fc.constant(null),
    (on) => on.recreate(),
    () => 'the topic is deleted and recreated',
  ),
  may(
    12,
    fc.tuple(partition, fc.integer({ min: 0, max: 49 })),
    (on, [at, sixtieths]) => on.deleteBefore(at, sixtieths / 60),
    ([at, sixtieths], of) => `Kafka deletes the first ${sixtieths}/60 of partition ${at % of}`,
  ),
  may(
    24,
    partition,
    (on, at) => on.compact(at),
    (at, of) => `Kafka compacts partition ${at % of}`,
  ),
)

function may<T>(
  weight: number,
  of: fc.Arbitrary<T>,
  run: (on: Case, what: T) => void | Promise<void>,
  words: (what: T, partitions: number) => string,
): fc.WeightedArbitrary<Command> {
  const arbitrary = of.map((what) => ({
    run: (on: Case) => run(on, what),
    words: (partitions: number) => words(what, partitions),
  }))
  return { weight, arbitrary }
}
