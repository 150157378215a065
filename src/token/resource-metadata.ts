// What the streams are called as a resource of OAuth, and what a client may know of it (RFC 9728). Pure. Promise: all
// of it is configured; nothing is taken from a request, whose `Host` a client could choose.

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** The members of the document (RFC 9728 section 2). Those that are not known are left out. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers?: readonly string[]
  readonly bearer_methods_supported?: readonly string[]
  readonly scopes_supported?: readonly string[]
}

export interface ResourceFacts {
  readonly resourceUrl: string
  /** Of the tokens that are accepted; null if the host application authenticates. */
  readonly issuers: readonly string[] | null
  readonly queryToken: boolean
  /** Of all streams: names separated by spaces; null for a stream that needs none. */
  readonly scopes: readonly (string | null)[]
}

export function resourceMetadata({
  resourceUrl,
  issuers,
  queryToken,
  scopes,
}: ResourceFacts): ResourceMetadata {
  const names = [...new Set(scopes.flatMap((scope) => scope?.split(' ') ?? []))]
  const servers = issuers?.filter((issuer) => URL.canParse(issuer)) ?? []
  return {
    resource: resourceUrl,
    ...(servers.length > 0 && { authorization_servers: servers }),
    ...(issuers !== null && { bearer_methods_supported: queryToken ? ['header', 'query'] : ['header'] }),
    ...(names.length > 0 && { scopes_supported: names }),
  }
}

/**
 * Paths of the document: the one that belongs to the resource, which has the resource's path behind the well-known one
 * (RFC 9728 section 3.1), and the well-known one alone, which clients try that know only the host.
 */
export function metadataPaths(resourceUrl: string): readonly string[] {
  const { pathname } = new URL(resourceUrl)
  return pathname === '/' ? [WELL_KNOWN] : [WELL_KNOWN + pathname, WELL_KNOWN]
}

/** Where the document is, for `resource_metadata` of `WWW-Authenticate` (RFC 9728 section 5.1). */
export function metadataUrl(resourceUrl: string): string {
  return new URL(metadataPaths(resourceUrl)[0] ?? WELL_KNOWN, resourceUrl).href
}
