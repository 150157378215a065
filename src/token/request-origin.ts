// Which pages a browser sends a request for. Pure: headers in, yes or no out. A page can change neither of the two
// headers that are read (Fetch standard, 2.2.2), so they protect the user of a browser, and nothing else.

export interface OriginHeaders {
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/** Cookies of this prefix are the host's own: no neighbouring host can set one (RFC 6265bis section 4.1.3.2). */
export const HOST_COOKIE_PREFIX = '__Host-'

/** `Sec-Fetch-Site` of a request by a page of the server's own origin. */
export const SAME_ORIGIN = 'same-origin'

/** Whether the request comes from a page of the server's own origin, or of one of `origins`. */
export function isOwnOrListed(headers: OriginHeaders, origins: readonly string[]): boolean {
  if (headers['sec-fetch-site'] === SAME_ORIGIN) return true
  return headers.origin !== undefined && origins.includes(headers.origin)
}
