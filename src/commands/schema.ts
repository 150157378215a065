// `kafka-sse schema`: prints the JSON Schema of a CONFIG_FILE. The build keeps it as config.schema.json.

import { EXIT_DONE } from '../app/exit.ts'
import { configFileSchema } from '../config/config-file/file-schema.ts'
import { runCommand } from './command-line.ts'

const HELP = `kafka-sse schema

Prints the JSON Schema of a CONFIG_FILE. An editor that is given it completes the names of options, and marks what is
misspelt. The package has it as config.schema.json.
`

export async function schema(args: string[]): Promise<number> {
  return runCommand({ help: HELP, options: {} }, args, async () => {
    process.stdout.write(`${JSON.stringify(configFileSchema(), null, 2)}\n`)
    return EXIT_DONE
  })
}
