// Cloud and identity services: the vendors' JSON names to ECS, with the vendor's own object kept reachable.
// Sources: CloudTrail record contents, Kubernetes audit.k8s.io/v1 Event, Azure Monitor schemas, Google Cloud LogEntry and
// AuditLog, Okta System Log, GitHub audit log, Office 365 Management Activity API; ECS 9 field list.

import { type FieldTable, fields } from './table.ts'

const azure = fields(`
operationName: event.action azure.activitylogs.operation_name azure.auditlogs.operation_name
OperationName: event.action azure.auditlogs.operation_name azure.auditlogs.properties.activity_display_name
OperationNameValue: event.action azure.activitylogs.operation_name
ActivityDisplayName: event.action azure.auditlogs.properties.activity_display_name
properties.message: event.action azure.auditlogs.properties.activity_display_name message
Category: event.category_name azure.auditlogs.category azure.auditlogs.properties.category
category: azure.auditlogs.category azure.auditlogs.properties.category azure.activitylogs.category
CategoryValue: azure.activitylogs.category
ResourceId: azure.resource.id
ResourceProviderValue: azure.resource.provider
Status: event.outcome azure.signinlogs.properties.status.status
ResultType: azure.signinlogs.result_type error.code
resultType: azure.signinlogs.result_type error.code
ResultDescription: azure.signinlogs.result_description error.message
IPaddress: source.ip
callerIpAddress: source.ip
Location: source.geo.country_iso_code
location: source.geo.country_iso_code
Username: user.name
userAgent: user_agent.original
riskEventType: azure.identity_protection.properties.risk_event_type event.action
AppId: azure.signinlogs.properties.app_id
properties.appId: azure.signinlogs.properties.app_id
`)

export const cloudTables: readonly FieldTable[] = [
  {
    when: { product: 'kubernetes' },
    vendor: ['kubernetes.audit'],
    fields: fields(`
verb: event.action
user.username: user.name
username: kubernetes.audit.user.username user.name
groups: kubernetes.audit.user.groups
sourceIPs: source.ip
userAgent: user_agent.original
requestURI: url.original url.path
responseStatus.code: http.response.status_code
apiGroup: kubernetes.audit.objectRef.apiGroup objectRef.apiGroup
resource: kubernetes.audit.objectRef.resource objectRef.resource
subresource: kubernetes.audit.objectRef.subresource objectRef.subresource
namespace: kubernetes.audit.objectRef.namespace objectRef.namespace
objectRef.namespace: orchestrator.namespace
objectRef.name: orchestrator.resource.name
objectRef.resource: orchestrator.resource.type
hostPath: kubernetes.audit.requestObject.spec.volumes.hostPath requestObject.spec.volumes.hostPath
capabilities: kubernetes.audit.requestObject.spec.containers.securityContext.capabilities.add requestObject.spec.containers.securityContext.capabilities.add
`),
  },
  {
    when: { product: 'aws' },
    vendor: ['aws.cloudtrail'],
    snake: true,
    fields: fields(`
eventName: event.action
eventSource: event.provider
eventType: aws.cloudtrail.event_type
sourceIPAddress: source.address source.ip
userAgent: user_agent.original
awsRegion: cloud.region
errorCode: aws.cloudtrail.error_code error.code
errorMessage: aws.cloudtrail.error_message error.message
requestParameters: aws.cloudtrail.flattened.request_parameters
responseElements: aws.cloudtrail.flattened.response_elements
userIdentity.userName: user.name
userIdentity.principalId: user.id
src_ip: source.ip
src_country: source.geo.country_iso_code
status: event.outcome
`),
    prefixes: {
      'requestParameters.': ['aws.cloudtrail.flattened.request_parameters.'],
      'responseElements.': ['aws.cloudtrail.flattened.response_elements.'],
      'additionalEventData.': ['aws.cloudtrail.flattened.additional_eventdata.'],
      'userIdentity.': ['aws.cloudtrail.user_identity.'],
    },
  },
  { when: { product: 'azure', service: 'activitylogs' }, vendor: ['azure.activitylogs'], snake: true, fields: azure },
  {
    when: { product: 'azure', service: 'auditlogs' },
    vendor: ['azure.auditlogs', 'azure.auditlogs.properties'],
    snake: true,
    fields: azure,
  },
  {
    when: { product: 'azure', service: 'signinlogs' },
    vendor: ['azure.signinlogs', 'azure.signinlogs.properties'],
    snake: true,
    fields: azure,
  },
  {
    when: { product: 'azure' },
    vendor: ['azure', 'azure.identity_protection', 'azure.identity_protection.properties'],
    snake: true,
    fields: azure,
  },
  {
    when: { product: 'gcp' },
    vendor: ['gcp.audit', 'google_workspace'],
    snake: true,
    fields: fields(`
gcp.audit.method_name: event.action protoPayload.methodName data.protoPayload.methodName
data.protoPayload.methodName: event.action protoPayload.methodName gcp.audit.method_name
data.protoPayload.serviceName: service.name protoPayload.serviceName gcp.audit.service_name
data.protoPayload.logName: log.logger logName
data.protoPayload.resource.type: resource.type gcp.audit.resource_name
data.protoPayload.authorizationInfo.permission: gcp.audit.authorization_info.permission protoPayload.authorizationInfo.permission
data.protoPayload.authorizationInfo.granted: gcp.audit.authorization_info.granted protoPayload.authorizationInfo.granted
protoPayload.serviceName: service.name gcp.audit.service_name
protoPayload.Servicename: protoPayload.serviceName service.name gcp.audit.service_name
protoPayload.metadata.event.eventName: event.action
eventName: event.action
eventService: event.provider service.name
`),
  },
  {
    when: { product: 'okta' },
    vendor: ['okta'],
    snake: true,
    fields: fields(`
eventType: event.action okta.event_type
eventtype: event.action okta.event_type eventType
displayMessage: message okta.display_message
outcome.result: event.outcome okta.outcome.result
actor.alternateId: user.email user.name okta.actor.alternate_id
client.ipAddress: source.ip okta.client.ip
client.ip: source.ip
`),
  },
  {
    when: { product: 'github' },
    vendor: ['github', 'github.audit'],
    fields: fields(`
action: event.action
actor: user.name
actor_ip: source.ip
org: organization.name
repo: github.repo
`),
  },
  { when: { product: 'bitbucket' }, vendor: ['bitbucket', 'bitbucket.audit'], snake: true, fields: fields('') },
  {
    when: { product: 'm365' },
    vendor: ['o365.audit', 'o365'],
    fields: fields(`
Operation: event.action
Workload: event.provider
eventName: event.action o365.audit.Name
eventSource: event.provider o365.audit.Source
status: event.outcome o365.audit.Status
UserId: user.id user.email
ClientIP: source.ip
ResultStatus: event.outcome
Payload: message
`),
  },
  { when: { product: 'onelogin' }, vendor: ['onelogin'], fields: fields('event_type_id: event.code') },
]
