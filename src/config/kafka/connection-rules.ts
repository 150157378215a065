// Rules of the connection to Kafka. Promise: what librdkafka could never log in with is refused before anything starts,
// and no value of a credential is quoted. Whether this build of librdkafka can do it is asked by plugins/kafka.

import type { KafkaOptions } from '../../options.ts'
import { quoted } from '../../text/quoted.ts'
import type { Document } from '../document.ts'
import type { Fault } from '../validation.ts'
import { fileFaults } from './file-rules.ts'
import { type Properties, propertyFault } from './property-fault.ts'

const PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl']
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER', 'GSSAPI']
/** Which of these a mechanism needs is in `loginFaults`. All of them mean nothing without SASL. */
const LOGIN = /^sasl\.(username|password|mechanisms?|oauthbearer\..*|kerberos\..*)$/
const SCHEME = /([A-Za-z_]+):\/\//g

export function connectionFaults({ kafka }: Document): Fault[] {
  const { bootstrapServers, config: given, token }: Partial<KafkaOptions> = Object(kafka)
  const config = propertiesOf(given)
  if (config === null) return []
  const protocol = String(config['security.protocol'] ?? PROTOCOLS[0]).toLowerCase()
  if (!PROTOCOLS.includes(protocol))
    return [propertyFault('security.protocol', `takes one of ${PROTOCOLS.join(', ')}`)]
  const faults = [...schemeFaults(bootstrapServers, protocol), ...unusedFaults(config, protocol, token)]
  if (protocol.startsWith('sasl_')) faults.push(...loginFaults(config, token !== undefined))
  if (protocol.endsWith('ssl')) faults.push(...fileFaults(config))
  return faults
}

/** null for what the schema refuses. */
function propertiesOf(given: unknown): Properties | null {
  if (typeof given !== 'object') return given === undefined ? {} : null
  const properties: Properties = { ...given }
  const isValue = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)
  return Object.values(properties).every(isValue) ? properties : null
}

/** librdkafka passes over a broker whose scheme is another protocol than the configured one. */
function schemeFaults(servers: unknown, protocol: string): Fault[] {
  const schemes =
    typeof servers === 'string' ? [...servers.matchAll(SCHEME)].map(([, name = '']) => name) : []
  const other = schemes.find((name) => name.toLowerCase() !== protocol && isProtocol(name))
  if (other === undefined) return []
  const words = `names a broker by ${other}://, and security.protocol is ${protocol}: set that to ${other.toLowerCase()}`
  return [{ place: ['kafka', 'bootstrapServers'], kind: 'wrong', words }]
}

/** The schema refuses all others. */
function isProtocol(name: string): boolean {
  return PROTOCOLS.includes(name.toLowerCase())
}

/** What only another protocol would use: a password that no broker asks for, or a certificate that nothing checks. */
function unusedFaults(config: Properties, protocol: string, token: unknown): Fault[] {
  const names = Object.keys(config)
  const login = protocol.startsWith('sasl_') ? undefined : names.find((name) => LOGIN.test(name))
  const tls = protocol.endsWith('ssl') ? undefined : names.find((name) => name.startsWith('ssl.'))
  const meant = protocol.startsWith('sasl_') || login !== undefined ? 'sasl_ssl' : 'ssl'
  const words = `means nothing while security.protocol is ${protocol}: set that to ${meant}`
  const unused = login ?? tls
  if (unused !== undefined) return [propertyFault(unused, words)]
  if (token === undefined || protocol.startsWith('sasl_')) return []
  return [{ place: ['kafka', 'token'], kind: 'wrong', words: words.replace(/ssl$/, 'sasl_ssl') }]
}

function loginFaults(config: Properties, hasToken: boolean): Fault[] {
  const name = config['sasl.mechanism'] === undefined ? 'sasl.mechanisms' : 'sasl.mechanism'
  const mechanism = config[name]
  const isUserGiven = isSet(config['sasl.username']) || isSet(config['sasl.password'])
  if (mechanism === undefined) {
    // librdkafka's default, GSSAPI, has tickets in place of a user and a password.
    if (!isUserGiven && !hasToken) return []
    return [propertyFault(name, `is missing: one of ${MECHANISMS.join(', ')}`, 'missing')]
  }
  if (!MECHANISMS.includes(String(mechanism)))
    return [propertyFault(name, `takes one of ${MECHANISMS.join(', ')}, not ${quoted(mechanism)}`)]
  if (mechanism === 'OAUTHBEARER') return tokenFaults(config, hasToken)
  if (hasToken) return [propertyFault(name, `is ${mechanism}, and kafka.token is for OAUTHBEARER alone`)]
  if (mechanism === 'GSSAPI') return []
  return ['sasl.username', 'sasl.password']
    .filter((needed) => !isSet(config[needed]))
    .map((needed) => propertyFault(needed, `is missing: ${mechanism} needs it`, 'missing'))
}

const METHOD = 'sasl.oauthbearer.method'
const UNSECURED = 'enable.sasl.oauthbearer.unsecure.jwt'
const ENDPOINT = 'sasl.oauthbearer.token.endpoint.url'
/** The first of each pair is the name in the message. */
const CLIENT = [
  ['sasl.oauthbearer.client.id', 'sasl.oauthbearer.client.credentials.client.id'],
  ['sasl.oauthbearer.client.secret', 'sasl.oauthbearer.client.credentials.client.secret'],
] as const

/** A token comes from a function of the host, from an endpoint (OIDC), or unsigned from librdkafka itself. */
function tokenFaults(config: Properties, hasToken: boolean): Fault[] {
  const isOidc = config[METHOD] === 'oidc'
  const isUnsecured = String(config[UNSECURED]) === 'true'
  if (hasToken) {
    const words = 'and kafka.token brings tokens, too: keep one of the two'
    if (isOidc) return [propertyFault(METHOD, `is oidc, ${words}`)]
    return isUnsecured ? [propertyFault(UNSECURED, `is true, ${words}`)] : []
  }
  if (isUnsecured) return []
  if (!isOidc)
    return [
      propertyFault(
        METHOD,
        `is missing: OAUTHBEARER needs tokens, by oidc with ${ENDPOINT}, or by kafka.token`,
        'missing',
      ),
    ]
  if (isSet(config['sasl.oauthbearer.metadata.authentication.type'])) return []
  const needed = (names: readonly string[]) =>
    names.some((name) => isSet(config[name])) ? [] : names.slice(0, 1)
  const isOfClient = !String(config['sasl.oauthbearer.grant.type'] ?? '').endsWith('jwt-bearer')
  return [needed([ENDPOINT]), ...(isOfClient ? CLIENT.map(needed) : [])]
    .flat()
    .map((name) => propertyFault(name, `is missing: ${METHOD} is oidc`, 'missing'))
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== ''
}
