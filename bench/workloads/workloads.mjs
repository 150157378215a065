// The workloads. Each peer gets the same records, clients and times; `quick` makes them shorter.

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {'live' | 'idle' | 'replay'} kind what a peer has to be ready for
 * @property {'live' | 'highest' | 'storm' | 'bystanders' | 'idle' | 'replay' | 'replay-many'} measure how it is
 *   measured; by default its kind
 * @property {string} what one line for the table's heading
 * @property {boolean} inQuick whether a quick run has it without `--only`
 * @property {number[]} steps numbers of clients, each measured in turn
 * @property {number} valueBytes
 * @property {number} keys
 * @property {number} ratePerSecond records, each for every client; `highest` begins with this rate
 * @property {number} warmupSeconds at the same rate, not measured
 * @property {number} seconds
 * @property {number} records of a replay
 * @property {number} deadPerLive superseded records for each live one
 * @property {number} liveClients that read live records meanwhile
 * @property {number} requests how often a replay is requested
 * @property {number} settleSeconds before memory is read
 * @property {number} stepsMax of `highest`, upwards
 * @property {number} refinements after that
 * @property {number} leadSeconds for tokens and connects, before the warm-up's end
 * @property {number} newcomersAtOnce
 * @property {number} renewalsPerSecond
 * @property {number} idleClients on a stream without records
 * @property {number} timesHighest the rate as a multiple of the highest rate of `ours`
 * @property {boolean} behindIsExpected
 * @property {number} companions that read slowly
 * @property {string[]} [peers] the peers that get it; by default all
 */

const live = {
  kind: 'live',
  inQuick: true,
  steps: [1_000],
  valueBytes: 256,
  keys: 1_000,
  warmupSeconds: 3,
  seconds: 10,
}

const storm = {
  ...live,
  measure: 'storm',
  inQuick: false,
  ratePerSecond: 1_000,
  leadSeconds: 18,
  newcomersAtOnce: 16,
  renewalsPerSecond: 50,
  idleClients: 100,
}

const replay = {
  kind: 'replay',
  inQuick: false,
  steps: [1],
  valueBytes: 275,
  keys: 100_000,
  records: 100_000,
}

/** @type {Workload[]} */
const workloads = [
  { ...live, name: 'live-20', ratePerSecond: 20, what: '20 records/s to 1,000 clients, 256 B' },
  { ...live, name: 'live-100', ratePerSecond: 100, what: '100 records/s to 1,000 clients, 256 B' },
  { ...live, name: 'live-1000', ratePerSecond: 1_000, what: '1,000 records/s to 1,000 clients, 256 B' },
  {
    ...live,
    name: 'highest',
    measure: 'highest',
    inQuick: false,
    ratePerSecond: 1_000,
    seconds: 5,
    stepsMax: 16,
    refinements: 3,
    what: 'the highest rate to 1,000 clients, 256 B, with which no client falls behind',
  },
  {
    ...storm,
    name: 'storm-1000',
    what: '1,000 records/s to 1,000 clients, 256 B, with newcomers, renewals and idle streams beside them',
  },
  {
    ...storm,
    name: 'overload',
    // A key for each record, so that no record may be passed over as superseded.
    keys: 10_000_000,
    timesHighest: 2,
    behindIsExpected: true,
    what: 'the same with twice the rate that was the highest of ours',
  },
  {
    ...live,
    name: 'bystanders',
    measure: 'bystanders',
    inQuick: false,
    steps: [500],
    companions: 500,
    ratePerSecond: 100,
    peers: ['ours', 'bare'],
    what: '100 records/s to 500 clients: p99 alone, and its ratio to that in bad company',
  },
  {
    name: 'idle',
    kind: 'idle',
    inQuick: true,
    what: 'memory of an idle connection, by the slope between two numbers of them',
    steps: [2_000, 10_000],
    settleSeconds: 20, // two heartbeats
  },
  {
    ...replay,
    name: 'replay',
    inQuick: true,
    requests: 5,
    what: '100,000 keys of 275 B to one client that connects',
  },
  {
    ...replay,
    name: 'replay-dead',
    deadPerLive: 9,
    requests: 5,
    what: 'the same with nine superseded records among the others for each that is live',
  },
  {
    ...replay,
    name: 'replay-many',
    measure: 'replay-many',
    steps: [100],
    ratePerSecond: 20,
    liveClients: 100,
    what: '100,000 keys of 275 B to each of 100 clients that connect at once',
  },
].map((workload) => ({ ...neutral(), measure: workload.kind, ...workload }))

/** @param {{ quick: boolean, smoke: boolean, keys: number | null }} options @returns {Workload[]} */
export function chooseWorkloads({ quick, smoke, keys }) {
  const sized = workloads.map((workload) => {
    if (smoke) return shrink(workload)
    return quick ? shorten(workload) : workload
  })
  return keys === null ? sized : sized.map((workload) => withKeys(workload, keys))
}

function withKeys(workload, keys) {
  if (workload.records === 0) return workload
  return { ...workload, keys, records: keys, what: `${workload.what} (with ${keys} keys instead)` }
}

/**
 * Why a peer is not asked for a rate: it fell behind at a lower one, every time. A peer that lost records is asked,
 * because its verdict is a different one.
 * @param {string} peer @param {Workload} workload @param {import('../report/report.mjs').Repetition[]} earlier
 * @returns {string | undefined}
 */
export function whySkipped(peer, { measure, kind, ratePerSecond, behindIsExpected }, earlier) {
  if (measure === 'highest' || behindIsExpected) return undefined // these are meant to find out when a peer is behind
  const lower = workloads.find((one) => {
    const own = earlier.filter((repetition) => repetition.workload === one.name && repetition.peer === peer)
    const isLower = one.kind === kind && one.ratePerSecond < ratePerSecond
    return isLower && own.length > 0 && own.every(({ behind }) => behind !== undefined)
  })
  return lower && `it fell behind at ${lower.ratePerSecond} records/s`
}

/** Latency and memory are steady after less time than this. Figures vary more, but the checks are the same. */
function shorten(workload) {
  return {
    ...workload,
    seconds: Math.min(workload.seconds, 4),
    warmupSeconds: Math.min(workload.warmupSeconds, 1),
    steps: workload.kind === 'idle' ? [500, 1_500] : workload.steps,
    settleSeconds: Math.min(workload.settleSeconds, 2),
    requests: Math.min(workload.requests, 3),
    refinements: Math.min(workload.refinements, 1),
  }
}

/**
 * The smallest sizes in which every part of a workload happens: checks only that everything comes, once and in order.
 */
function shrink(workload) {
  return {
    ...shorten(workload),
    seconds: Math.min(workload.seconds, 2),
    steps: workload.kind === 'idle' ? [20, 60] : workload.steps.map((clients) => Math.min(clients, 40)),
    ratePerSecond: Math.min(workload.ratePerSecond, 100),
    keys: Math.min(workload.keys, 2_000),
    records: Math.min(workload.records, 2_000),
    requests: Math.min(workload.requests, 1),
    settleSeconds: Math.min(workload.settleSeconds, 0.1),
    stepsMax: Math.min(workload.stepsMax, 2),
    leadSeconds: Math.min(workload.leadSeconds, 5),
    newcomersAtOnce: Math.min(workload.newcomersAtOnce, 2),
    renewalsPerSecond: Math.min(workload.renewalsPerSecond, 10),
    idleClients: Math.min(workload.idleClients, 10),
    liveClients: Math.min(workload.liveClients, 10),
    companions: Math.min(workload.companions, 10),
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
    deadPerLive: 0,
    liveClients: 0,
    requests: 0,
    settleSeconds: 0,
    stepsMax: 0,
    refinements: 0,
    leadSeconds: 0,
    newcomersAtOnce: 0,
    renewalsPerSecond: 0,
    idleClients: 0,
    timesHighest: 0,
    behindIsExpected: false,
    companions: 0,
  }
}
