// What this build of librdkafka lacks, and which properties it refuses.

import rdkafka from 'node-rdkafka'
import { describe, expect, it, vi } from 'vitest'
import {
  builtLine,
  missingLine,
  missingParts,
  PARTS,
  refuseMissing,
  tellParts,
} from '../../../plugins/kafka/client/librdkafka-build.ts'
import { report } from '../../../src/commands/features.ts'

/** As librdkafka 2.12.0 lists them, built with every header. */
const ALL =
  'gzip,snappy,ssl,sasl,regex,lz4,sasl_gssapi,sasl_plain,sasl_scram,plugins,zstd,sasl_oauthbearer,http,oidc'.split(
    ',',
  )
/** The same on a Debian 12 with g++, make and python3. */
const BARE = 'snappy,sasl,regex,lz4,sasl_plain,plugins'.split(',')
const without = (...names: string[]) => ALL.filter((name) => !names.includes(name))
const EVERYTHING =
  'apt-get install libcurl4-openssl-dev libsasl2-dev libssl-dev libzstd-dev zlib1g-dev && npm rebuild node-rdkafka'

describe('What librdkafka was built without', () => {
  it('is nothing if every header was there', () => {
    expect(missingParts(ALL)).toBeNull()
    expect(missingLine(ALL)).toBeNull()
    expect(report(ALL)).toBe('librdkafka was built with TLS, SASL, OIDC and every compression.\n')
  })

  it('is named, with one command that installs all of it', () => {
    expect(missingParts(BARE)).toEqual({
      words: 'TLS, SASL SCRAM, SASL OAUTHBEARER, OIDC, SASL GSSAPI, gzip and zstd',
      command: EVERYTHING,
    })
    expect(missingLine(BARE)).toContain(
      `librdkafka was built without TLS, SASL SCRAM, SASL OAUTHBEARER, OIDC, SASL GSSAPI, gzip and zstd: `,
    )
    expect(missingLine(BARE)).toContain(EVERYTHING)
    expect(report(BARE)).toContain(`\n  ${EVERYTHING}\n`)
  })

  it.each([
    [['zstd'], 'zstd', 'libzstd-dev'],
    [['gzip', 'zstd'], 'gzip and zstd', 'libzstd-dev zlib1g-dev'],
    [['sasl_gssapi'], 'SASL GSSAPI', 'libsasl2-dev'],
    [['http', 'oidc'], 'OIDC', 'libcurl4-openssl-dev'],
  ])('without %j is %s, and %s brings it', (names, words, packages) => {
    expect(missingParts(without(...names))).toEqual({
      words,
      command: `apt-get install ${packages} && npm rebuild node-rdkafka`,
    })
  })

  it('has no command if librdkafka has no package for it', () => {
    expect(missingParts(without('lz4'))).toEqual({ words: 'lz4', command: null })
    expect(missingLine(without('lz4'))).toMatch(/^librdkafka was built without lz4: [^.]*$/)
  })

  it.each([...PARTS.keys()])('%s is a name that librdkafka has for it', (name) => {
    const ask = () => new rdkafka.KafkaConsumer({ 'group.id': 'none', 'builtin.features': name }, {})
    if (rdkafka.features.includes(name)) expect(ask).not.toThrow()
    else expect(ask).toThrow(/not (available|enabled) at build time/)
  })

  it('is logged once in a process, however many apps are in it', () => {
    const log = { info: vi.fn(), warn: vi.fn() }
    tellParts(log, BARE)
    tellParts(log, BARE)
    expect(log.warn.mock.calls).toEqual([[missingLine(BARE)]])
    expect(log.info.mock.calls).toEqual([[builtLine(BARE)]])
  })

  it('stands beside what it was built with', () => {
    const version = rdkafka.librdkafkaVersion
    expect(builtLine(BARE)).toBe(`librdkafka ${version} was built with SASL PLAIN, snappy and lz4`)
    for (const words of ['TLS', 'SASL SCRAM', 'OIDC', 'zstd']) expect(builtLine(ALL)).toContain(` ${words}`)
  })
})

describe('A property that asks for what librdkafka was built without', () => {
  it.each([
    [{ 'security.protocol': 'SSL' }, 'security.protocol = SSL needs TLS'],
    [{ 'security.protocol': 'sasl_ssl' }, 'security.protocol = sasl_ssl needs TLS'],
    [{ 'security.protocol': 'SASL_PLAINTEXT' }, 'sasl.mechanisms needs SASL GSSAPI'],
    [{ 'sasl.mechanism': 'GSSAPI' }, 'sasl.mechanism = GSSAPI needs SASL GSSAPI'],
    [{ 'sasl.mechanisms': 'SCRAM-SHA-512' }, 'sasl.mechanisms = SCRAM-SHA-512 needs SASL SCRAM'],
    [{ 'sasl.mechanism': 'OAUTHBEARER' }, 'sasl.mechanism = OAUTHBEARER needs SASL OAUTHBEARER'],
    [{ 'sasl.oauthbearer.method': 'oidc' }, 'sasl.oauthbearer.method = oidc needs OIDC'],
    [{ 'compression.type': 'zstd' }, 'compression.type = zstd needs zstd'],
    [{ 'compression.codec': 'gzip' }, 'compression.codec = gzip needs gzip'],
  ])('%j is refused by name, with the line that brings it, and taken where it is there', (config, words) => {
    expect(() => refuseMissing(config, BARE)).toThrow(
      `Kafka property ${words}: librdkafka was built without it`,
    )
    expect(() => refuseMissing(config, BARE)).toThrow(
      /apt-get install lib[a-z0-9-]+( lib[a-z0-9-]+)* && npm rebuild node-rdkafka|zlib1g-dev/,
    )
    expect(() => refuseMissing(config, ALL)).not.toThrow()
  })

  it.each([
    {},
    { 'security.protocol': 'plaintext' },
    { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'PLAIN' },
    { 'compression.type': 'none' },
    { 'compression.type': 'lz4' },
    { 'sasl.mechanism': 'NO-SUCH' },
  ])('%j is none of these: it is taken, or for librdkafka to refuse', (config) => {
    expect(() => refuseMissing(config, BARE)).not.toThrow()
  })
})
