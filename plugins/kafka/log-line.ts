// librdkafka's log lines, as node-rdkafka hands them over.

/** node-rdkafka's types say `any`. `fac` is librdkafka's word for what the line is about. */
export interface LogLine {
  readonly message: string
  readonly fac: string
}

/** True if the line says why a connection failed. */
export function tellsFailure({ fac }: LogLine): boolean {
  return fac === 'FAIL' || fac === 'ERROR'
}

/** The line without the thread's name in front and the time that it took behind, which say nothing to an operator. */
export function failureOf(line: string): string {
  return line.replace(/^\[thrd:[^\]]*\]: /, '').replace(/ \(after .*$/, '')
}
