// The packed packages in a host's own folder: imported, required, compiled and run with each Fastify. Needs
// `npm run build`, and the registry of npm for the host's other plugins.

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from './packed.ts'
import { hasRegistry, ScratchHost } from './scratch-host.ts'

/** An alpha that asks for Promise.withResolvers. */
const FASTIFY_6 = '6.0.0-alpha.4'
const runsFastify6 = 'withResolvers' in Promise
const NONE = { status: 0, stdout: '', stderr: '' }

describe.runIf(hasRegistry('the packed packages in a host'))(
  'The packed packages',
  { timeout: 60_000 },
  () => {
    let host: ScratchHost

    beforeAll(() => {
      host = ScratchHost.open(join(ROOT, 'test/package/host'))
      host.installPackages()
    }, 180_000)
    afterAll(() => host.close())

    test('hold what is run and read, and no source, test, key or source map', () => {
      const { ofServer, ofClient } = host.packages
      const allowed =
        /^(dist\/(src|plugins|routes)\/.+\.(js|d\.ts)|config\.schema\.json|public\/(?:[\w-]+\/)?[\w.-]+|docs\/.+\.(md|svg)|(LICENSE|(README|SECURITY|CHANGELOG)\.md|package\.json))$/
      expect(ofServer.files.map(({ path }) => path).filter((path) => !allowed.test(path))).toEqual([])
      expect(ofServer.files.map(({ path }) => path)).toContain('config.schema.json')
      const ofClientAllowed = /^(dist\/.+\.(js|d\.ts)|LICENSE|README\.md|package\.json)$/
      expect(ofClient.files.map(({ path }) => path).filter((path) => !ofClientAllowed.test(path))).toEqual([])
    })

    test('the client is one package, and it depends on nothing', () => {
      const alone = ScratchHost.open(join(ROOT, 'test/package/page'), host.packages)
      alone.install(host.packages.ofClient.tarball)
      expect(alone.run('npm', 'ls', '--all', '--parseable').stdout.trim().split('\n')).toHaveLength(2)
      const options = { module: 'esnext', moduleResolution: 'bundler', types: [], files: ['page.ts'] }
      expect(alone.compile('typescript', options)).toMatchObject(NONE)
      alone.close()
    })

    test('are imported and required, with the same names', () => {
      const imported = host.node('imports.mjs')
      expect(imported.stderr).toBe('')
      const required = host.node('requires.cjs')
      // Node 20 says that require of an ES module is experimental.
      expect(
        required.stderr.replace(/^.*(ExperimentalWarning: CommonJS module|--trace-warnings).*\n/gm, ''),
      ).toBe('')
      const { status, ...names } = JSON.parse(required.stdout)
      expect(names).toEqual(JSON.parse(imported.stdout))
      expect(status).toBe(401)
      expect(names.client).toEqual(names.packageOfClient)
      expect(names.main).toContain('default')
    })

    test('have the schema of a CONFIG_FILE where editors look for it, and where import and require do', () => {
      const name = 'fastify-kafka-sse/config.schema.json'
      const title = 'CONFIG_FILE of kafka-sse\n'
      const imported = `import schema from '${name}' with { type: 'json' }; console.log(schema.title)`
      const required = `console.log(require('${name}').title)`
      const byPath = `console.log(require('./node_modules/${name}').title)`
      expect(host.node('--no-warnings', '--input-type=module', '--eval', imported).stdout).toBe(title)
      for (const code of [required, byPath])
        expect(host.node('--input-type=commonjs', '--eval', code).stdout).toBe(title)
    })

    test.each(['node16', 'nodenext'])('compile strictly as %s', (module) => {
      expect(host.compile('typescript', { module, files: ['app.ts'] })).toMatchObject(NONE)
    })

    test('compile strictly for a bundler', () => {
      const options = { module: 'esnext', moduleResolution: 'bundler', files: ['app.ts'] }
      expect(host.compile('typescript', options)).toMatchObject(NONE)
    })

    test('compile strictly in a host in CommonJS', () => {
      const options = { module: 'nodenext', files: ['in-commonjs.cts'] }
      expect(host.compile('typescript', options)).toMatchObject(NONE)
    })

    test('compile strictly with TypeScript 5', () => {
      expect(host.compile('typescript5', { module: 'nodenext', files: ['app.ts'] })).toMatchObject(NONE)
    }, 120_000)

    // Begins with the one that the host has already.
    describe.each(['5.12.8', '5.0.0', FASTIFY_6])('with Fastify %s', (version) => {
      beforeAll(() => {
        if (host.versionOf('fastify') === version) return
        // No version of Fastify 6 is released: a host that tries one overrules the peer's range.
        host.install(`fastify@${version}`, '--legacy-peer-deps')
        host.setNativePart(true)
      }, 120_000)

      test('compile strictly', () => {
        expect(host.versionOf('fastify')).toBe(version)
        expect(host.compile('typescript', { module: 'nodenext', files: ['app.ts'] })).toMatchObject(NONE)
      })

      test.runIf(version !== FASTIFY_6 || runsFastify6).each(['before', 'after'])(
        'stream in an app whose sixteen other plugins are registered %s them',
        (order) => {
          cpSync(join(host.folder, 'loaded'), join(host.folder, 'out/loaded'), { recursive: true })
          const { stdout, stderr } = host.node('out/app.js', order)
          expect(stderr).toBe('')
          expect(JSON.parse(stdout)).toEqual({
            fastify: version,
            status: 200,
            type: 'text/event-stream',
            cors: 'https://app.example',
            helmet: 'nosniff',
            first: 'retry:N\n\n',
            refused: 401,
            loaded: { loaded: true },
          })
        },
      )
    })

    test('without the native part, two lines say what to run, and the client works', () => {
      host.setNativePart(false)
      for (const file of ['imports.mjs', 'requires.cjs']) {
        const { status, stderr } = host.node(file)
        expect(status).toBe(1)
        expect(stderr).toContain(
          'cannot be loaded: its install script did not run, or failed\nRun `npm rebuild',
        )
        expect(stderr).not.toMatch(/Could not locate|^ +at /m)
      }
      const command = host.run('npx', 'kafka-sse', 'features')
      expect([command.status, command.stderr.split('\n').length]).toEqual([1, 3])
      const ofClient = host.node(
        '--eval',
        "import('fastify-kafka-sse/client').then((c) => console.log(typeof c.connect))",
      )
      expect(ofClient).toMatchObject({ ...NONE, stdout: 'function\n' })
      host.setNativePart(true)
    })
  },
)
