// The workloads. Each peer gets the same records, clients and times; `quick` makes them shorter.

import { openFilesMax } from '../harness/machine.mjs'

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {'live' | 'idle' | 'replay'} kind what a peer has to be ready for
 * @property {'live' | 'private' | 'clients' | 'highest' | 'storm' | 'bystanders' | 'idle' | 'replay' | 'snapshot' |
 *   'replay-many'} measure how it is measured; by default its kind
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
 * @property {{ keysEach: number, by: 'token' | 'client', isOwn: boolean }} [selects] each client selects as many keys:
 *   those that its token names, or those that it asks for; one of its own, or random ones. Undefined: every client gets
 *   every record
 * @property {number} stride the order in which records use the keys (record.mjs)
 * @property {number} quietSeconds without records, to subtract the cost of the open streams
 * @property {Record<string, string>} [env] settings of our server
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

/** Has no divisor in common with the numbers of keys, all of which are powers of ten. */
const STRIDE = 7_919
/** The others have no selections. */
const SELECTING_PEERS = ['ours', 'bare', 'obvious', 'mercure', 'centrifuge']

const selected = {
  ...live,
  measure: 'private',
  inQuick: false,
  stride: STRIDE,
  ratePerSecond: 1_000,
  quietSeconds: 10,
  // Streams that get a record in ten seconds would also get a heartbeat, and those that get one each second would not.
  env: { HEARTBEAT_SECONDS: '300' },
  peers: SELECTING_PEERS,
}

const OWN_KEY = { keysEach: 1, by: 'token', isOwn: true }

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
    ...selected,
    name: 'private-1000',
    keys: 1_000,
    selects: OWN_KEY,
    what: '1,000 records/s, 256 B, each for one of 1,000 clients',
  },
  {
    ...selected,
    name: 'private-10000',
    steps: [10_000],
    keys: 10_000,
    selects: OWN_KEY,
    what: '1,000 records/s, 256 B, each for one of 10,000 clients',
  },
  {
    ...selected,
    name: 'public-1',
    ratePerSecond: 1,
    what: '1 record/s, 256 B, to 1,000 clients that select nothing: as many writes a second as private-1000',
  },
  {
    ...selected,
    name: 'public-200',
    // The producer of private-1000 sends a batch each 5 ms, so a server that reads from Kafka wakes up as often.
    steps: [5],
    ratePerSecond: 200,
    what: '200 records/s, 256 B, to 5 clients that select nothing: as many writes and batches as private-1000',
  },
  {
    ...selected,
    name: 'private-5',
    steps: [5],
    keys: 5,
    selects: OWN_KEY,
    what: '1,000 records/s, 256 B, each for one of 5 clients: the writes, batches and connections of public-200',
  },
  {
    ...selected,
    name: 'board',
    keys: 10_000,
    selects: { keysEach: 100, by: 'client', isOwn: false },
    what: '1,000 records/s over 10,000 keys, 256 B, to 1,000 clients that each select 100 keys',
  },
  {
    ...selected,
    name: 'private-clients',
    measure: 'clients',
    steps: [1_000, 2_000, 5_000, 10_000, 15_000, 20_000],
    keys: 10_000,
    ratePerSecond: 10_000,
    valueBytes: 512,
    warmupSeconds: 2,
    selects: { keysEach: 1, by: 'token', isOwn: false },
    env: { STREAMS_MAX: '30000', STREAMS_PER_ADDRESS_MAX: '30000' },
    peers: ['ours', 'bare', 'centrifuge'],
    what: '10,000 keys at 1 record/s each, 512 B, a random key each client: clients until p99 or cores are too high',
  },
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
    name: 'private-snapshot',
    measure: 'snapshot',
    steps: [50],
    valueBytes: 256,
    keys: 1_000_000,
    records: 1_000_000,
    stride: STRIDE,
    selects: { keysEach: 10, by: 'token', isOwn: false },
    peers: ['ours', 'bare', 'obvious'],
    what: '10 records of each client that connects, among 1,000,000 keys of 256 B',
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
    return withinLimit(quick ? shorten(workload) : workload)
  })
  return keys === null ? sized : sized.map((workload) => withKeys(workload, keys))
}

/** Files of a process besides its connections. */
const OTHER_FILES = 200

/** As many clients as this process may have files, if a workload only tries how many are possible. */
function withinLimit(workload) {
  if (workload.measure !== 'clients') return workload
  const most = openFilesMax() - OTHER_FILES
  const steps = [...new Set(workload.steps.map((clients) => Math.min(clients, most)))]
  return { ...workload, steps }
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
export function whySkipped(
  peer,
  { measure, kind, ratePerSecond, behindIsExpected, selects, steps },
  earlier,
) {
  if (measure === 'highest' || behindIsExpected) return undefined // these are meant to find out when a peer is behind
  if (selects !== undefined) return undefined // a record is for a few clients only
  const lower = workloads.find((one) => {
    if (one.selects !== undefined) return false
    const own = earlier.filter((repetition) => repetition.workload === one.name && repetition.peer === peer)
    const isLower = one.kind === kind && one.ratePerSecond < ratePerSecond && one.steps[0] <= steps[0]
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
    quietSeconds: Math.min(workload.quietSeconds, 4),
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
    steps: smallestSteps(workload),
    ratePerSecond: Math.min(workload.ratePerSecond, 100),
    keys: Math.min(workload.keys, workload.selects === undefined ? 2_000 : SMALLEST_KEYS),
    quietSeconds: Math.min(workload.quietSeconds, 0.5),
    records: Math.min(workload.records, workload.selects === undefined ? 2_000 : SMALLEST_KEYS),
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

/** Enough for some keys without a client, and for some clients with the same key. */
const SMALLEST_KEYS = 200

function smallestSteps({ measure, steps }) {
  if (measure === 'idle') return [20, 60]
  if (measure === 'clients') return [20, 40]
  return steps.map((clients) => Math.min(clients, 40))
}

function neutral() {
  return {
    stride: 1,
    quietSeconds: 0,
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
