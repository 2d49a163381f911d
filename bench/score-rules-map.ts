// Which of our rules mean what a rule of Falco or Panther means: their names, our files under correlator/rules.

/** Falco's Kubernetes rules by name. */
export const falcoRules: Readonly<Record<string, readonly string[]>> = {
  'Disallowed K8s User': ['kubernetes/user_not_listed'],
  'Create Disallowed Pod': ['kubernetes/image_not_listed'],
  'Create Privileged Pod': ['kubernetes/privileged_pod'],
  'Create Sensitive Mount Pod': ['kubernetes/host_path_mount'],
  'Create HostNetwork Pod': ['kubernetes/host_namespaces'],
  'Create HostPid Pod': ['kubernetes/host_namespaces'],
  'Create HostIPC Pod': ['kubernetes/host_namespaces'],
  'Create NodePort Service': ['kubernetes/node_port_service'],
  'Create/Modify Configmap With Private Credentials': ['kubernetes/credentials_in_config_map'],
  'Anonymous Request Allowed': ['kubernetes/anonymous_request_allowed'],
  'Attach/Exec Pod': ['kubernetes/exec_into_pod'],
  'port-forward': ['kubernetes/port_forward'],
  'EphemeralContainers Created': ['kubernetes/ephemeral_container'],
  'Create Disallowed Namespace': ['kubernetes/namespace_not_listed'],
  'Pod Created in Kube Namespace': ['kubernetes/pod_in_system_namespace'],
  'Service Account Created in Kube Namespace': ['kubernetes/service_account_in_system_namespace'],
  'System ClusterRole Modified/Deleted': ['kubernetes/system_role_changed'],
  'Attach to cluster-admin Role': ['kubernetes/cluster_admin_binding'],
  'ClusterRole With Wildcard Created': ['kubernetes/wildcard_role'],
  'ClusterRole With Write Privileges Created': ['kubernetes/role_with_write_rights'],
  'ClusterRole With Pod Exec Created': ['kubernetes/role_with_exec'],
  'K8s Deployment Created': ['kubernetes/record_deployment'],
  'K8s Deployment Deleted': ['kubernetes/record_deployment'],
  'K8s Service Created': ['kubernetes/record_service'],
  'K8s Service Deleted': ['kubernetes/record_service'],
  'K8s ConfigMap Created': ['kubernetes/record_config_map'],
  'K8s ConfigMap Deleted': ['kubernetes/record_config_map'],
  'K8s Namespace Created': ['kubernetes/record_namespace'],
  'K8s Namespace Deleted': ['kubernetes/namespace_deleted'],
  'K8s Serviceaccount Created': ['kubernetes/record_service_account'],
  'K8s Serviceaccount Deleted': ['kubernetes/record_service_account'],
  'K8s Role Created': ['kubernetes/record_role'],
  'K8s Role Deleted': ['kubernetes/record_role'],
  'K8s ClusterRole Created': ['kubernetes/record_role'],
  'K8s ClusterRole Deleted': ['kubernetes/record_role'],
  'K8s Role/Clusterrole Created': ['kubernetes/record_role'],
  'K8s Role/Clusterrole Deleted': ['kubernetes/record_role'],
  'K8s RoleBinding Created': ['kubernetes/record_binding'],
  'K8s RoleBinding Deleted': ['kubernetes/record_binding'],
  'K8s ClusterRoleBinding Created': ['kubernetes/record_binding'],
  'K8s ClusterRoleBinding Deleted': ['kubernetes/record_binding'],
  'K8s Role/Clusterrolebinding Created': ['kubernetes/record_binding'],
  'K8s Role/Clusterrolebinding Deleted': ['kubernetes/record_binding'],
  'K8s Secret Created': ['kubernetes/record_secret'],
  'K8s Secret Deleted': ['kubernetes/record_secret'],
  'K8s Secret Get Successfully': ['kubernetes/secret_read_by_person'],
  'K8s Secret Get Unsuccessfully Tried': ['kubernetes/secret_read_refused'],
  'Ingress Object without TLS Certificate Created': ['kubernetes/ingress_without_tls'],
  'Untrusted Node Successfully Joined the Cluster': ['kubernetes/node_not_listed'],
  'Untrusted Node Unsuccessfully Tried to Join the Cluster': ['kubernetes/node_not_listed'],
}

/** Falco's record of changes, which a case may switch off. */
export const falcoActivity = /^K8s .* (?:Created|Deleted)$/

/** Cases that ask for something else than a detection. */
export const falcoNotApplicable: Readonly<Record<string, string>> = {
  json_pointer_example: 'a test of how Falco addresses JSON, not of a detection',
}

/** Lists of an installation: ours, and what Falco's files call them (the older ones too). */
export const falcoLists = {
  placeholders: {
    allowed_cluster_users: ['allowed_k8s_users', 'eks_allowed_k8s_users'],
    allowed_namespaces: ['allowed_namespaces'],
    allowed_nodes: ['allowed_k8s_nodes'],
  } as Readonly<Record<string, readonly string[]>>,
  /** Our rule -> lists of images it is not for; they become Sigma filters. */
  trustedImages: {
    'kubernetes/privileged_pod': ['k8s_audit_privileged_images', 'falco_privileged_images', 'user_privileged_images'],
    'kubernetes/host_path_mount': ['k8s_audit_sensitive_mount_images', 'falco_sensitive_mount_images'],
    'kubernetes/host_namespaces': ['k8s_audit_hostnetwork_images', 'falco_hostnetwork_images'],
    'kubernetes/pod_in_system_namespace': [
      'user_allowed_kube_namespace_image_list',
      'allowed_kube_namespace_image_list',
    ],
  } as Readonly<Record<string, readonly string[]>>,
}

/** File of Panther's cases, and the dataset their events are sent with. */
export const pantherFamilies = [
  { family: 'kubernetes', file: 'kubernetes_rules', dataset: 'kubernetes.audit' },
  { family: 'aws_eks', file: 'aws_eks_rules', dataset: 'kubernetes.audit' },
  { family: 'gcp_k8s', file: 'gcp_k8s_rules', dataset: 'kubernetes.audit' },
  { family: 'aws_cloudtrail', file: 'aws_cloudtrail_rules', dataset: 'aws.cloudtrail' },
  { family: 'gcp_audit', file: 'gcp_audit_rules', dataset: 'gcp.audit' },
  { family: 'okta', file: 'okta_rules', dataset: 'okta.system' },
  { family: 'github', file: 'github_rules', dataset: 'github.audit' },
  { family: 'azure_activity', file: 'azure_activity_rules', dataset: 'azure.activitylogs' },
  { family: 'azure_signin', file: 'azure_signin_rules', dataset: 'azure.signinlogs' },
  { family: 'microsoft', file: 'microsoft_rules', dataset: 'o365.audit' },
] as const

/** Panther's rules by id. What is not here counts as wrong. */
export const pantherRules: Readonly<Record<string, readonly string[]>> = {
  'Kubernetes.API.IOC.Activity': ['kubernetes/tor_address'],
  'Kubernetes.BulkSecretAccess': ['kubernetes/secrets_read_many'],
  'Kubernetes.ClientCertificate.Created': ['kubernetes/certificate_requested'],
  'Kubernetes.CronJob.CreatedOrModified': ['kubernetes/cron_job_created'],
  'Kubernetes.DaemonSet.Created': ['kubernetes/daemon_set_created'],
  'Kubernetes.Ingress.NoTLS': ['kubernetes/ingress_without_tls'],
  'Kubernetes.Pod.Dangerous.Capabilities': ['kubernetes/dangerous_capability'],
  'Kubernetes.Pod.Host.IPC': ['kubernetes/host_namespaces'],
  'Kubernetes.Pod.Host.Network': ['kubernetes/host_namespaces'],
  'Kubernetes.Pod.Host.PID': ['kubernetes/host_namespaces'],
  'Kubernetes.Pod.Privileged': ['kubernetes/privileged_pod'],
  'Kubernetes.Pod.HostPath.Volume.Mount': ['kubernetes/host_path_mount'],
  'Kubernetes.Pod.Exec': ['kubernetes/exec_into_pod'],
  'Kubernetes.Role.NodeProxyPermissions': ['kubernetes/role_with_node_proxy'],
  'Kubernetes.Role.Wildcard': ['kubernetes/wildcard_role'],
  'Kubernetes.Secrets.DumpAllNamespaces': ['kubernetes/secrets_listed_everywhere'],
  'Kubernetes.Service.NodePort.Deployed': ['kubernetes/node_port_service'],
  'Kubernetes.System.Principal.PublicIP': ['kubernetes/machine_account_from_internet'],
  'Amazon.EKS.AnonymousAPIAccess': ['kubernetes/request_without_credentials'],
  'Amazon.EKS.Audit.Multiple403': ['kubernetes/refused_from_internet'],
  'Amazon.EKS.Audit.SystemNamespaceFromPublicIP': ['kubernetes/machine_account_from_internet'],
  'GCP.GKE.Kubernetes.Cron.Job.Created.Or.Modified': ['kubernetes/cron_job_created'],
  'GCP.K8S.Pod.Create.Or.Modify.Host.Path.Volume.Mount': ['kubernetes/host_path_mount'],
  'GCP.K8S.Pod.Using.Host.PID.Namespace': ['kubernetes/host_namespaces'],
  'GCP.K8S.Privileged.Pod.Created': ['kubernetes/privileged_pod'],
  'GCP.K8S.Service.Type.NodePort.Deployed': ['kubernetes/node_port_service'],
  'GCP.K8s.ExecIntoPod': ['kubernetes/exec_into_pod'],
  'GCP.K8s.IOC.Activity': ['kubernetes/tor_address'],
  'GCP.K8s.Pod.Attached.To.Node.Host.Network': ['kubernetes/host_namespaces'],
}
