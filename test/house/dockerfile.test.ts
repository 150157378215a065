// The Dockerfile by its text, because no engine runs it here: every path, port, command, variable and package that it
// names must exist.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { all, final, one, stages } from './dockerfile.ts'
import { manifest, ROOT, read, readmePackages } from './project-files.ts'

describe('Dockerfile', () => {
  test('every stage is the same Node 24 on Debian 12, so that what one compiles runs in the other', () => {
    expect(stages).toHaveLength(3)
    for (const { from } of stages) expect(from).toMatch(/^\$\{NODE_IMAGE\}$/)
    expect(read('Dockerfile')).toMatch(/^ARG NODE_IMAGE=node:24-bookworm-slim(@sha256:[0-9a-f]{64})?$/m)
  })

  test('copies what there is, and .dockerignore lets it through and nothing private', () => {
    const ignore = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(ignore[0]).toBe('*')
    const kept = ignore.slice(1).map((line) => line.replace(/^!/, ''))
    const copied = new Set<string>()
    for (const line of stages
      .flatMap((stage) => all(stage, 'COPY'))
      .filter((text) => !text.startsWith('--from'))) {
      for (const path of line.split(/\s+/).slice(0, -1)) copied.add(path)
    }
    for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true)
    expect([...copied].sort()).toEqual(kept.sort())
  })

  test('copies from stages that there are, what they make', () => {
    const made = all(final, 'COPY').filter((text) => text.startsWith('--from='))
    expect(made).toEqual([
      '--from=dependencies /app/node_modules ./node_modules',
      '--from=build /app/dist ./dist',
      '--from=build /app/client/dist ./client/dist',
    ])
    expect(stages.map(({ as }) => as)).toEqual(['dependencies', 'build', undefined])
    for (const stage of stages) expect(one(stage, 'WORKDIR')).toBe('/app')
  })

  test('its entry point is the command that package.json names, by absolute path and without a shell', () => {
    const [, interpreter = ''] = /^#!\/usr\/bin\/env -S (.*)\n/.exec(read('src/cli.ts')) ?? []
    const command = [...interpreter.split(' '), `/app/${manifest.bin['kafka-sse']}`]
    expect(JSON.parse(one(final, 'ENTRYPOINT'))).toEqual(command)
    expect(manifest.scripts.start).toBe(`${interpreter} ${manifest.bin['kafka-sse']} demo`)
    expect(JSON.parse(one(final, 'CMD'))).toEqual(['serve'])
  })

  test('runs as a user without rights, with the admin port open to probes', () => {
    // A number: of a name Kubernetes cannot tell that it is not root.
    expect(one(final, 'USER')).toBe('1000:1000')
    expect(all(final, 'ENV')).toEqual(['NODE_ENV=production', 'ADMIN_HOST=0.0.0.0', 'LINGER_SECONDS=5'])
    expect(one(final, 'EXPOSE').split(' ')).toEqual(['7143', '9464'])
  })

  test('is compiled with every header that the README names for every feature', () => {
    const [compile] = stages
    for (const header of readmePackages('every feature')) {
      expect(compile && all(compile, 'RUN').join(' '), header).toContain(` ${header} `)
    }
  })

  test('has at run time the library of every header that it is compiled with', () => {
    const libraries = new Map([
      ['libcurl4-openssl-dev', 'libcurl4'],
      ['libsasl2-dev', 'libsasl2-2'],
      ['libssl-dev', 'libssl3'],
      ['libzstd-dev', 'libzstd1'],
      ['zlib1g-dev', 'zlib1g'],
    ])
    const [compile] = stages
    for (const [header, library] of libraries) {
      expect(compile && one(compile, 'RUN') !== '' && all(compile, 'RUN').join(' ')).toContain(` ${header} `)
      expect(all(final, 'RUN').join(' ')).toContain(` ${library} `)
    }
    expect(all(final, 'RUN').join(' ')).not.toMatch(/-dev\b|\bg\+\+/)
  })

  test('its health check asks the admin port that is configured, and fails without an answer', () => {
    const [, command = ''] = /CMD (\[.*\])$/.exec(one(final, 'HEALTHCHECK')) ?? []
    const [program, flag, script] = JSON.parse(command)
    expect([program, flag]).toEqual(['node', '-e'])
    expect(script).toContain('/health/live')
    const { status } = spawnSync(process.execPath, ['-e', script], { env: { ADMIN_PORT: '1' } })
    expect(status).toBe(1)
  })
})
