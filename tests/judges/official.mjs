// 3GPP's OpenAPI files as the judges want them, and what they say of a body, a request or an answer.
//
//   const api = official('TS29549_SS_KeyInfoRetrieval.yaml')
//   const check = schema(api, 'ValKeyInfo')            // Ajv's function; check.errors says what is wrong
//   const judge = await answers(api)                   // openapi-response-validator and Prism
//   judge('get', '/key-records', answer)               // what they find: a list of texts
//   const front = await prism(api, root + '/ss-kir/v1') // Prism as a proxy: {url, close}
//
// A file refers to others, which refer to some that no API of the registrar reaches and that may not be there. So a
// document is made that has what is reached, and nothing else; names of another file have its name before them.

import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'
import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import YAML from 'yaml'

const require = createRequire(import.meta.url)
const ResponseValidator = require('openapi-response-validator').default
const { getHttpOperationsFromSpec } = require('@stoplight/prism-cli/dist/operations')
const { createLogger } = require('@stoplight/prism-core')
const { createServer } = require('@stoplight/prism-http-server')
const { validateOutput } = require('@stoplight/prism-http/dist/validator')

const folder = process.env.SEAL_OPENAPI
const files = new Map()

// A file of the folder, or of the subfolder that its name begins with; others that it names are beside it or above.
function read(name) {
  if (!files.has(name)) files.set(name, YAML.parse(fs.readFileSync(path.join(folder, name), 'utf8')))
  return files.get(name)
}

// Whether there is such a file.
export function has(name) {
  return fs.existsSync(path.join(folder, name))
}

// The document of a file, complete by itself.
export function official(name) {
  const source = read(name)
  const components = {}
  const placed = new Map()
  function place(reference, from) {
    const [file, pointer] = reference.split('#')
    const target = file || from
    const keys = pointer
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const own = target === name
    const id = keys.slice(2).join('_')
    const at = `#/components/${keys[1]}/${own ? id : `${path.basename(target, '.yaml')}_${id}`}`
    if (!placed.has(at)) {
      placed.set(at, true)
      const value = keys.reduce((node, key) => node?.[key], read(target))
      if (value === undefined) throw new Error(`${from} refers to ${reference}, which is not there`)
      components[keys[1]] ??= {}
      components[keys[1]][at.split('/')[3]] = walk(value, target)
    }
    return at
  }
  function walk(node, from) {
    if (Array.isArray(node)) return node.map((item) => walk(item, from))
    if (node === null || typeof node !== 'object') return node
    if (typeof node.$ref === 'string') return { $ref: place(node.$ref, from) }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value, from)]))
  }
  const paths = walk(source.paths, name)
  components.securitySchemes = source.components.securitySchemes
  return {
    openapi: source.openapi,
    info: source.info,
    servers: source.servers,
    security: source.security,
    paths,
    components,
  }
}

// Ajv's judge of one schema of a document, by its name.
export function schema(api, name) {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false })
  addFormats(ajv)
  return ajv.compile({ $ref: `#/components/schemas/${name}`, components: api.components })
}

// What is wrong with it, as text.
export function faults(check) {
  return (check.errors ?? []).map((error) => `${error.instancePath || '/'} ${error.message}`).join('; ')
}

function followed(api, node) {
  return typeof node?.$ref === 'string'
    ? node.$ref
        .split('/')
        .slice(1)
        .reduce((at, key) => at[key], api)
    : node
}

// The operations of a document: [{method, path, operation}].
export function operations(api) {
  return Object.entries(api.paths).flatMap(([at, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation.responses)
      .map(([method, operation]) => ({ method, path: at, operation })),
  )
}

// A judge of answers: (method, path, {status, headers, body}) gives what is wrong with one, by two programs: bodies,
// and whether there may be such a status, by the one, media type and headers as well by the other.
export async function answers(api) {
  const validators = new Map()
  for (const { method, path: at, operation } of operations(api)) {
    const responses = Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [status, followed(api, response)]),
    )
    // A response without content says nothing of the body; this validator would take it for null.
    for (const response of Object.values(responses)) if (!response.content) response.schema = {}
    validators.set(
      `${method} ${at}`,
      new ResponseValidator({ responses, components: api.components, customFormats: {} }),
    )
  }
  const resources = await getHttpOperationsFromSpec(JSON.parse(JSON.stringify(api)))
  return (method, at, answer) => {
    const found = []
    const body = validators.get(`${method} ${at}`).validateResponse(answer.status, answer.body)
    for (const error of body?.errors ?? []) found.push(`body: ${error.path ?? ''} ${error.message}`)
    const resource = resources.find((one) => one.method === method && one.path === at)
    // Prism takes application/json for application/problem+json.
    const response = followed(api, api.paths[at][method].responses[answer.status])
    const types = Object.keys(response?.content ?? {})
    const type = (answer.headers['content-type'] ?? '').split(';')[0]
    if (types.length > 0 && !types.includes(type))
      found.push(`header content-type is "${type}", not ${types.join(' or ')}`)
    const output = validateOutput({
      resource,
      element: { statusCode: answer.status, headers: answer.headers, body: answer.body },
    })
    if (output._tag === 'Left')
      for (const error of output.left) found.push(`${(error.path ?? []).join('.')} ${error.message}`)
    return found
  }
}

// Prism before a server, as `prism proxy` starts it: each answer has what it found of it and of the request in a header,
// sl-violations. The paths are below the server's, which the token endpoint's file has otherwise.
export async function prism(api, upstream) {
  const paths = Object.fromEntries(Object.entries(api.paths).map(([at, item]) => [at.replace('/oauth2/', '/'), item]))
  const resources = await getHttpOperationsFromSpec(JSON.parse(JSON.stringify({ ...api, paths })))
  const server = createServer(resources, {
    cors: false,
    components: { logger: createLogger('prism', { level: 'silent' }) },
    config: {
      isProxy: true,
      upstream: new URL(upstream),
      validateRequest: true,
      validateResponse: true,
      checkSecurity: true,
      errors: false,
      mock: { dynamic: false },
    },
  })
  return { url: await server.listen(0, '127.0.0.1'), close: () => server.close() }
}
