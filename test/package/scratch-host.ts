// A folder outside of the repository with an app that has the packed packages from its package manager: compiled and
// run as a host's own. node-rdkafka is installed without its scripts, and given the native part that is built here.

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { leaveOut } from '../support/left-out.ts'
import { type BothPackages, packBoth, ROOT } from './packed.ts'

const require = createRequire(import.meta.url)
const NATIVE = join(dirname(require.resolve('node-rdkafka/package.json')), 'build')
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline']
const COMMAND_MS = 60_000

/** Whether npm reaches its registry. */
export function hasRegistry(tests: string): boolean {
  const options = ['--fetch-retries=0', '--fetch-timeout=10000']
  const { status } = spawnSync('npm', ['view', 'fastify@5.0.0', 'version', ...options], { cwd: tmpdir() })
  if (status !== 0) leaveOut(tests, 'no registry of npm')
  return status === 0
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CompilerOptions {
  readonly module: string
  readonly moduleResolution?: string
  readonly files: readonly string[]
  /** Types that are there without an import. Default: Node's. */
  readonly types?: readonly string[]
}

export class ScratchHost {
  readonly folder: string
  readonly packages: BothPackages

  private constructor(folder: string, packages: BothPackages) {
    this.folder = folder
    this.packages = packages
  }

  /**
   * `sources`: a folder with a package.json, which is copied. Nothing is installed yet.
   * `packed`: the packages of another host, which are not packed again.
   */
  static open(sources: string, packed?: BothPackages): ScratchHost {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'host-')))
    cpSync(sources, folder, { recursive: true })
    return new ScratchHost(folder, packed ?? packBoth(folder))
  }

  /** Installs with npm what package.json names and, besides, these: `name@version`, or paths of tarballs. */
  install(...others: readonly string[]): void {
    execFileSync('npm', ['install', ...QUIET, ...others], { cwd: this.folder, encoding: 'utf8' })
  }

  /** Both tarballs, and the native part. */
  installPackages(): void {
    this.install(this.packages.ofServer.tarball, this.packages.ofClient.tarball)
    this.setNativePart(true)
  }

  setNativePart(isThere: boolean): void {
    const build = join(this.folder, 'node_modules/node-rdkafka/build')
    rmSync(build, { force: true })
    if (isThere) symlinkSync(NATIVE, build)
  }

  versionOf(name: string): string {
    return JSON.parse(readFileSync(join(this.folder, 'node_modules', name, 'package.json'), 'utf8')).version
  }

  /** Compiles strictly, declarations of libraries too, into the folder `out`. `compiler`: the package of TypeScript. */
  compile(compiler: string, { types = ['node'], files, ...options }: CompilerOptions): Ran {
    const config = join(this.folder, 'tsconfig.json')
    const compilerOptions = {
      ...options,
      types,
      target: 'es2022',
      strict: true,
      skipLibCheck: false,
      rootDir: '.',
      outDir: 'out',
    }
    writeFileSync(config, JSON.stringify({ compilerOptions, files }))
    return this.run(process.execPath, join(ROOT, 'node_modules', compiler, 'bin/tsc'), '-p', config)
  }

  node(...args: readonly string[]): Ran {
    return this.run(process.execPath, ...args)
  }

  run(program: string, ...args: readonly string[]): Ran {
    return spawnSync(program, args, { cwd: this.folder, encoding: 'utf8', timeout: COMMAND_MS })
  }

  close(): void {
    rmSync(this.folder, { recursive: true })
  }
}
