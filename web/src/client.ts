// The API as functions. Every answer's shape is in core/api.ts.

import type {
  AlertsOutput,
  AroundOutput,
  ExceptionInput,
  ExceptionsOutput,
  FieldsInput,
  FieldsOutput,
  HistogramInput,
  HistogramOutput,
  HistoryOutput,
  JobOutput,
  Problem,
  RulesOutput,
  SavedOutput,
  SavedSearch,
  SearchInput,
  SearchOutput,
  SessionOutput,
  ShareOutput,
  SourcesOutput,
  UnparsedOutput,
  ValuesInput,
  ValuesOutput,
  WireAlert,
  WireException,
} from '../../core/api.ts'

export class ApiError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { credentials: 'same-origin', ...init })
  if (!response.ok) throw new ApiError(await problemOf(response))
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function problemOf(response: Response): Promise<Problem> {
  const given = (await response.json().catch(() => ({}))) as Partial<Problem>
  const detail = given.detail ?? `the server answered ${response.status}`
  return { type: 'about:blank', title: '', code: '', ...given, status: response.status, detail }
}

const post = <T>(path: string, body: unknown, signal?: AbortSignal) =>
  ask<T>(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal })

export const api = {
  session: () => ask<SessionOutput>('/v1/session'),
  signIn: (token: string) => post<SessionOutput>('/v1/session', { token }),
  signOut: () => ask<void>('/v1/session', { method: 'DELETE' }),
  search: (input: SearchInput, signal?: AbortSignal) => post<SearchOutput>('/v1/search', input, signal),
  histogram: (input: HistogramInput, signal?: AbortSignal) => post<HistogramOutput>('/v1/histogram', input, signal),
  values: (input: ValuesInput, signal?: AbortSignal) => post<ValuesOutput>('/v1/values', input, signal),
  fields: (input: FieldsInput, signal?: AbortSignal) => post<FieldsOutput>('/v1/fields', input, signal),
  history: () => ask<HistoryOutput>('/v1/history'),
  saved: () => ask<SavedOutput>('/v1/saved'),
  save: (input: { name: string; query: string; since: string; until: string }) => post<SavedSearch>('/v1/saved', input),
  forget: (id: string) => ask<void>(`/v1/saved/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  share: (input: { query: string; since: string; until: string }) => post<ShareOutput>('/v1/shares', input),
  shared: (id: string) => ask<ShareOutput>(`/v1/shares/${encodeURIComponent(id)}`),
  startJob: (input: SearchInput) => post<JobOutput>('/v1/searches', input),
  job: (id: string) => ask<JobOutput>(`/v1/searches/${encodeURIComponent(id)}`),
  stopJob: (id: string) => ask<JobOutput>(`/v1/searches/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  around: (id: string) => ask<AroundOutput>(`/v1/events/${encodeURIComponent(id)}/around?before=20&after=20`),
  alerts: (after?: string) =>
    ask<AlertsOutput>(`/v1/alerts?limit=50${after ? `&after=${encodeURIComponent(after)}` : ''}`),
  alert: (id: string) => ask<WireAlert>(`/v1/alerts/${encodeURIComponent(id)}`),
  setStatus: (id: string, status: WireAlert['status'], reason?: string) =>
    post<WireAlert>(`/v1/alerts/${encodeURIComponent(id)}/status`, { status, ...(reason && { reason }) }),
  exceptions: () => ask<ExceptionsOutput>('/v1/exceptions'),
  makeException: (alertId: string, input: ExceptionInput) =>
    post<WireException>(`/v1/alerts/${encodeURIComponent(alertId)}/exception`, input),
  endException: (id: string) => post<WireException>(`/v1/exceptions/${encodeURIComponent(id)}/end`, {}),
  sources: () => ask<SourcesOutput>('/v1/sources'),
  unparsed: () => ask<UnparsedOutput>('/v1/unparsed'),
  rules: () => ask<RulesOutput>('/v1/rules'),
}
