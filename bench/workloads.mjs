// What every peer is asked to do. Each peer gets the same records, clients and times; `quick` is a shorter run of the same.

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {'live' | 'idle' | 'replay'} kind
 * @property {string} what one line for the table's heading
 * @property {number[]} steps numbers of clients; more than one: each is reached and measured in turn
 * @property {number} valueBytes
 * @property {number} keys
 * @property {number} ratePerSecond records, each of which goes to every client
 * @property {number} warmupSeconds at the same rate, not measured
 * @property {number} seconds
 * @property {number} records what a replay holds
 * @property {number} requests how often a replay is asked for
 * @property {number} settleSeconds before memory is read
 */

const live = { kind: 'live', steps: [1_000], valueBytes: 256, keys: 1_000, warmupSeconds: 3, seconds: 10 }

/** @type {Workload[]} */
const workloads = [
  { ...live, name: 'live-20', ratePerSecond: 20, what: '20 records/s to 1,000 clients, 256 B' },
  { ...live, name: 'live-100', ratePerSecond: 100, what: '100 records/s to 1,000 clients, 256 B' },
  { ...live, name: 'live-1000', ratePerSecond: 1_000, what: '1,000 records/s to 1,000 clients, 256 B' },
  {
    name: 'idle',
    kind: 'idle',
    what: 'memory of an idle connection, by the slope between two numbers of them',
    steps: [1_000, 4_000],
    settleSeconds: 5,
  },
  {
    name: 'replay',
    kind: 'replay',
    what: '100,000 keys of 275 B to one client that connects',
    steps: [1],
    valueBytes: 275,
    keys: 100_000,
    records: 100_000,
    requests: 5,
  },
].map((workload) => ({ ...neutral(), ...workload }))

/** @param {{ quick: boolean }} options @returns {Workload[]} */
export function chooseWorkloads({ quick }) {
  return quick ? workloads.map(shorten) : workloads
}

/**
 * Why a peer is not asked for a rate: it fell behind at a lower one, every time. A peer that lost anything is asked, since its
 * verdict is another.
 * @param {string} peer @param {Workload} workload @param {import('./report.mjs').Repetition[]} earlier
 * @returns {string | undefined}
 */
export function tooMuch(peer, { kind, ratePerSecond }, earlier) {
  const lower = workloads.find((one) => {
    const own = earlier.filter((repetition) => repetition.workload === one.name && repetition.peer === peer)
    const isLower = one.kind === kind && one.ratePerSecond < ratePerSecond
    return isLower && own.length > 0 && own.every(({ behind }) => behind !== undefined)
  })
  return lower && `it fell behind at ${lower.ratePerSecond} records/s`
}

/** Latency and memory need less time than this to be steady; the figures scatter more, the correctness counts do not. */
function shorten(workload) {
  return {
    ...workload,
    seconds: Math.min(workload.seconds, 4),
    warmupSeconds: Math.min(workload.warmupSeconds, 1),
    steps: workload.kind === 'idle' ? [500, 1_500] : workload.steps,
    settleSeconds: Math.min(workload.settleSeconds, 2),
    requests: Math.min(workload.requests, 3),
  }
}

function neutral() {
  return {
    valueBytes: 0,
    keys: 1,
    ratePerSecond: 0,
    warmupSeconds: 0,
    seconds: 0,
    records: 0,
    requests: 0,
    settleSeconds: 0,
  }
}
