// What every peer is asked to do. Each peer gets the same records, clients and times; `quick` is a shorter run of the same.

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {'live' | 'idle' | 'replay'} kind what a peer has to be ready for
 * @property {'live' | 'highest' | 'storm' | 'bystanders' | 'idle' | 'replay' | 'replay-many'} measure how it is measured; by its kind where nothing is said
 * @property {string} what one line for the table's heading
 * @property {boolean} inQuick whether a quick run has it without being asked for it by name
 * @property {number[]} steps numbers of clients; more than one: each is reached and measured in turn
 * @property {number} valueBytes
 * @property {number} keys
 * @property {number} ratePerSecond records, each of which goes to every client; where the rate is looked for, the first one
 * @property {number} warmupSeconds at the same rate, not measured
 * @property {number} seconds
 * @property {number} records what a replay holds
 * @property {number} deadPerLive superseded records among them for each that is live
 * @property {number} liveClients that read what comes meanwhile
 * @property {number} requests how often a replay is asked for
 * @property {number} settleSeconds before memory is read
 * @property {number} stepsMax of a rate that is looked for, upwards
 * @property {number} refinements after that
 * @property {number} leadSeconds for making tokens and connecting, before the warm-up's end
 * @property {number} newcomersAtOnce
 * @property {number} renewalsPerSecond
 * @property {number} idleClients on a stream without records
 * @property {number} timesHighest the rate as a multiple of what was the highest of `ours`
 * @property {boolean} behindIsExpected
 * @property {number} companions that read slowly
 * @property {string[]} [peers] those that it is for, if not for all
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
    what: 'the highest rate to 1,000 clients, 256 B, with which nobody falls behind',
  },
  {
    ...storm,
    name: 'storm-1000',
    what: '1,000 records/s to 1,000 clients, 256 B, with newcomers, renewals and idle streams beside them',
  },
  {
    ...storm,
    name: 'overload',
    // A key for each record: what nobody may be spared is then every record, whatever a topic's newer values supersede.
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
 * Why a peer is not asked for a rate: it fell behind at a lower one, every time. A peer that lost anything is asked, since its
 * verdict is another.
 * @param {string} peer @param {Workload} workload @param {import('../report/report.mjs').Repetition[]} earlier
 * @returns {string | undefined}
 */
export function tooMuch(peer, { measure, kind, ratePerSecond, behindIsExpected }, earlier) {
  if (measure === 'highest' || behindIsExpected) return undefined // to be behind is what these find out
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
    refinements: Math.min(workload.refinements, 1),
  }
}

/** Only whether everything comes, once and in order: the least that makes every part of a workload happen. */
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
