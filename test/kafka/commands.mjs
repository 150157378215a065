// The command line's two Kafka commands as a program of their own, for tests that need a process: needs `npm run
// build`.
import { broker } from '../../dist/src/commands/broker.js'
import { produce } from '../../dist/src/commands/produce.js'

const [, , command, ...args] = process.argv
process.exitCode = await { broker, produce }[command](args, process.env)
