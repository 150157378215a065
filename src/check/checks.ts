// All checks of a deployment, in the order in which a server would meet them. Promise: each is made as far as those
// before it allow, and the settings' problems do not hide those of Kafka.

import Fastify from 'fastify'
import { checkBrokers } from './brokers-check.ts'
import { checkCertificate } from './certificate-check.ts'
import { type CheckFinding, CheckReport, type Verdict } from './check-report.ts'
import { checkCodecs } from './codecs-check.ts'
import { type ExaminedSettings, examineSettings } from './examined-settings.ts'
import { checkKeys } from './keys-check.ts'
import { checkToken } from './token-check.ts'
import { checkControlTopic, checkTopics } from './topics-check.ts'
import { type CheckedUrl, checkUrl } from './url-check.ts'

/** What `--only` takes. */
export const CHECK_NAMES = [
  'configuration',
  'certificate',
  'codecs',
  'brokers',
  'topics',
  'keys',
  'token',
  'url',
] as const
export type CheckName = (typeof CHECK_NAMES)[number]

export interface CheckOptions {
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
  readonly only: ReadonlySet<CheckName>
  readonly token: string | null
  readonly url: CheckedUrl | null
}

/** Resolves with the worst verdict. */
export async function runChecks(
  { env, folder, only, token, url }: CheckOptions,
  onFinding: (finding: CheckFinding) => void,
): Promise<Verdict> {
  const report = new CheckReport(onFinding)
  const settings = await examineSettings(env, folder)
  if (only.has('configuration')) checkConfiguration(report, settings, only.has('certificate'))
  if (only.has('certificate')) checkFiles(report, settings, only)
  if (only.has('codecs')) checkCodecs(report)
  await checkKafka(report, settings, only)
  await checkAccess(report, settings, only, token)
  if (url !== null && only.has('url')) await checkUrl(report, url)
  return report.worst
}

/** `isFileNext`: problems of the certificate's files are told by the next check. */
function checkConfiguration(
  report: CheckReport,
  { problems, streams, lacksKey }: ExaminedSettings,
  isFileNext: boolean,
): void {
  const told = problems.filter((problem) => !isFileNext || !/^TLS_(CERT|KEY)_FILE:/.test(problem))
  for (const problem of told) report.fail('configuration', problem)
  if (told.length > 0) return
  const paths = (streams ?? []).map(({ path }) => path).join(', ')
  if (lacksKey)
    report.warn(
      'configuration',
      'SECRET_KEY is not set, and streams have sealed ids or tickets, which are then good for one process alone',
      'set the same one for all replicas: openssl rand -base64 32 | tr +/ -_',
    )
  report.ok('configuration', `every setting is valid; streams at ${paths}`)
}

/** A check that was asked for and cannot be made is no success. */
function passOver(report: CheckReport, check: string, only: CheckOptions['only']): void {
  const advice = only.has('configuration') ? null : 'kafka-sse check --only configuration lists them'
  report.fail(check, 'not looked at, because the configuration has problems', advice)
}

function checkFiles(report: CheckReport, { tls }: ExaminedSettings, only: CheckOptions['only']): void {
  const { certFile, keyFile } = tls ?? {}
  if (tls === null) report.ok('certificate', 'none: TLS=off, behind a proxy that ends TLS')
  else if (certFile === undefined || keyFile === undefined) passOver(report, 'certificate', only)
  else checkCertificate(report, { certFile, keyFile })
}

async function checkKafka(
  report: CheckReport,
  { kafka, streams }: ExaminedSettings,
  only: CheckOptions['only'],
): Promise<void> {
  if (kafka === null) {
    if (only.has('brokers')) passOver(report, 'brokers', only)
    if (only.has('topics')) passOver(report, 'topic', only)
    return
  }
  if (!only.has('brokers') && !only.has('topics')) return
  const silent = new CheckReport(() => {})
  const broker = await checkBrokers(only.has('brokers') ? report : silent, kafka)
  if (!only.has('topics')) return
  if (broker === null) {
    report.fail('topic', 'not looked at, because Kafka does not answer')
    return
  }
  if (streams === null) passOver(report, 'topic', only)
  else await checkTopics(report, { kafka, broker }, streams)
  await checkControlTopic(report, { kafka, broker })
}

/** The keys that verify tokens, and the token. */
async function checkAccess(
  report: CheckReport,
  { auth, streams }: ExaminedSettings,
  only: CheckOptions['only'],
  token: string | null,
): Promise<void> {
  const isToken = token !== null && only.has('token')
  if (!isToken && !only.has('keys')) return
  if (auth === null || streams === null) {
    if (only.has('keys')) passOver(report, 'keys', only)
    if (isToken) passOver(report, 'token', only)
    return
  }
  const app = Fastify({ logger: false })
  const silent = new CheckReport(() => {})
  const issuers = await checkKeys(only.has('keys') ? report : silent, auth, app.log)
  try {
    if (!isToken) return
    if (auth.authenticate === undefined) await checkToken(report, token, issuers, streams, app)
    else report.warn('token', 'not looked at: auth.authenticate of CONFIG_FILE says who asks')
  } finally {
    for (const { keys } of issuers) keys.close()
    await app.close()
  }
}
