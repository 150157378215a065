// The settings that a server needs, and a folder of files for them, in which a demo's keys and certificate are.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, parseEnvironment } from '../../../src/config/parse.ts'
import { ensureDemoCredentials } from '../../../src/demo/credentials.ts'

export const NEEDED = {
  KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092, kafka-2:9092',
  JWT_ISSUER: 'https://id.acme.test/',
  JWT_AUDIENCE: 'https://api.acme.test',
  TLS: 'off',
}

export class SettingsScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'config-'))

  private constructor() {}

  static async open(): Promise<SettingsScene> {
    const scene = new SettingsScene()
    await ensureDemoCredentials({ folder: scene.folder, names: [] })
    return scene
  }

  close(): void {
    rmSync(this.folder, { recursive: true })
  }

  /** Writes a file; returns its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** The options that these variables make. */
  parse(env: Record<string, string>) {
    return parseEnvironment(env, this.folder)
  }

  /** What is wrong with these variables, a line for each problem; fails if nothing is. */
  async problemsOf(env: Record<string, string>): Promise<readonly string[]> {
    try {
      await this.parse(env)
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
    throw new Error('nothing was wrong')
  }
}
