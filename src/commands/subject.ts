// `kafka-sse subject`: prints how the log and the status page call a user. Promise: the same as every server with this
// SECRET_KEY; the other settings of a server are not needed.

import { EXIT_DONE } from '../app/exit.ts'
import { ConfigError } from '../config/config-error.ts'
import { valueAt } from '../config/document.ts'
import { lineOf, mergeSettings } from '../config/merged-settings.ts'
import { secretsOf } from '../config/secret-key.ts'
import { type SettingPlace, serverFaults } from '../config/validation.ts'
import { SubjectHashes } from '../outcomes/subject-hashes.ts'
import { type Outputs, runCommand } from './command-line.ts'

const HELP = `kafka-sse subject NAME ...

Prints the hash of each subject (the sub of its tokens), a line each, as the log and the status page have it.

SECRET_KEY is that of the servers, or SECRET_KEY_FILE, or the one in CONFIG_FILE. Of two keys the first one counts.
`

export async function subject(
  args: string[],
  env: NodeJS.ProcessEnv,
  outputs: Outputs = process,
): Promise<number> {
  const line = { help: HELP, options: {}, allowPositionals: true }
  return runCommand(
    line,
    args,
    async ({ positionals }) => {
      if (positionals.length === 0) throw new Error('which subject? See kafka-sse subject --help')
      const hashes = new SubjectHashes(await secretsIn(env))
      for (const name of positionals) outputs.stdout.write(`${hashes.of(name)}\n`)
      return EXIT_DONE
    },
    outputs,
  )
}

const SECRET_KEY: SettingPlace = ['sse', 'secretKey']

async function secretsIn(env: NodeJS.ProcessEnv): Promise<readonly Uint8Array[]> {
  const settings = await mergeSettings(env)
  const faults = serverFaults(settings.document).filter(({ place }) => place.join() === SECRET_KEY.join())
  const problems = [...settings.problems, ...faults.map((fault) => lineOf(fault, settings))]
  if (problems.length > 0) throw new ConfigError(problems)
  const secretKey = valueAt(settings.document, SECRET_KEY)
  if (typeof secretKey !== 'string') throw new ConfigError(['SECRET_KEY is not set: the one of the servers'])
  return secretsOf(secretKey)
}
