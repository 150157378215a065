// A peer whose server makes the records itself, so that only the server is between the stamp and the writes.

import { endProcess, receiveMessage, startModule } from '../harness/processes.mjs'

/**
 * @param {URL} file the server's module
 * @param {Pick<import('../run.mjs').Task, 'workload' | 'credentials'>} setup
 */
export function startInProcess(file, { workload, credentials }) {
  return followServer(startModule(file, [JSON.stringify({ ...describeWorkload(workload), ...credentials })]))
}

/** What a server has to know of a workload: `selects`, if each client gets only records of some keys. */
export function describeWorkload({ kind, selects }) {
  return { kind, selects: selects !== undefined }
}

/**
 * @param {import('node:child_process').ChildProcess} server that speaks as serve.mjs does
 * @param {string} path of its stream
 */
export async function followServer(server, path = '/events') {
  const port = await receiveMessage(server, 'listening')
  return {
    url: `https://127.0.0.1:${port}${path}`,
    lanes: 1,
    pids: { server: server.pid },
    publish: (order) => {
      server.send({ publish: order })
      return receiveMessage(server, 'published')
    },
    stop: () => endProcess(server),
  }
}
