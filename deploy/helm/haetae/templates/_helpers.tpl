{{- define "haetae.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "haetae.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "haetae.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "haetae.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from others; a workload adds its component. */}}
{{- define "haetae.selector" -}}
app.kubernetes.io/name: {{ include "haetae.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "haetae.labels" -}}
{{ include "haetae.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "haetae.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Service names a client may have in its Host header. */}}
{{- define "haetae.hostNames" -}}
{{- $names := list -}}
{{- range $service := ternary (list "accept" "process" "agent") (list "single") (eq .Values.mode "full") -}}
{{- $name := printf "%s-%s" (include "haetae.fullname" $) $service -}}
{{- $names = concat $names (list $name (printf "%s.%s" $name $.Release.Namespace) (printf "%s.%s.svc" $name $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $name $.Release.Namespace)) -}}
{{- end -}}
{{- concat $names .Values.hostNames | toJson -}}
{{- end -}}

{{/* haetae.yaml: what the chart knows, under what `config` says. .agent: that of the DaemonSet. */}}
{{- define "haetae.config" -}}
{{- $v := .root.Values -}}
{{- $http := dict "host" "0.0.0.0" "port" 8514 "names" (include "haetae.hostNames" .root | fromJsonArray) "ingestToken" "${HAETAE_INGEST_TOKEN}" "metricsToken" "${HAETAE_METRICS_TOKEN}" -}}
{{- $made := dict "data" "/data" "http" $http "syslog" (dict "host" "0.0.0.0" "port" 5514) -}}
{{- if eq $v.mode "full" -}}
{{- $kafka := dict "brokers" (required "kafka.brokers: mode full needs a Kafka" ($v.kafka.brokers | default nil)) "topic" $v.kafka.topic "partitions" $v.kafka.partitions "replication" $v.kafka.replication "mechanism" $v.kafka.mechanism -}}
{{- if $v.kafka.existingSecret -}}
{{- $_ := set $kafka "username" "${KAFKA_USERNAME}" -}}
{{- $_ := set $kafka "password" "${KAFKA_PASSWORD}" -}}
{{- end -}}
{{- if $v.kafka.tls.enabled -}}
{{- $tls := dict -}}
{{- if $v.kafka.tls.existingSecret -}}
{{- $_ := set $tls "ca" "/etc/haetae/kafka-tls/ca.crt" -}}
{{- if $v.kafka.tls.clientCertificate -}}
{{- $_ := set $tls "cert" "/etc/haetae/kafka-tls/tls.crt" -}}
{{- $_ := set $tls "key" "/etc/haetae/kafka-tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- $_ := set $kafka "tls" $tls -}}
{{- end -}}
{{- $es := dict "nodes" (required "elasticsearch.nodes: mode full needs an Elasticsearch" ($v.elasticsearch.nodes | default nil)) "prefix" $v.elasticsearch.prefix "shards" $v.elasticsearch.shards "replicas" $v.elasticsearch.replicas -}}
{{- if $v.elasticsearch.existingSecret -}}
{{- $_ := set $es "apiKey" "${ELASTICSEARCH_API_KEY}" -}}
{{- end -}}
{{- if $v.elasticsearch.tls.existingSecret -}}
{{- $_ := set $es "tls" (dict "ca" "/etc/haetae/elasticsearch-tls/ca.crt") -}}
{{- end -}}
{{- $_ := set $made "bus" (dict "kafka" $kafka) -}}
{{- $_ := set $made "store" (dict "elasticsearch" $es) -}}
{{- end -}}
{{- $all := mergeOverwrite $made (deepCopy $v.config) -}}
{{- if .agent -}}
{{- $_ := set $all "syslog" (dict "udp" false "tcp" false) -}}
{{- $_ := set $all "files" $v.agent.files -}}
{{- $containers := dict -}}
{{- if $v.agent.containers -}}{{- $_ := set $containers "pods" "/var/log/pods" -}}{{- end -}}
{{- if $v.agent.cluster -}}{{- $_ := set $containers "cluster" $v.agent.cluster -}}{{- end -}}
{{- $_ := set $all "containers" $containers -}}
{{- end -}}
{{- /* Quoted: a token of digits is still text. */ -}}
{{- regexReplaceAll ": (\\$\\{[A-Z_]+\\})" (toYaml $all) ": \"${1}\"" -}}
{{- end -}}

{{/* Container and volumes of every workload. In: root, role (all, accept, process), component, config, resources, agent. */}}
{{- define "haetae.podSpec" -}}
{{- $v := .root.Values -}}
serviceAccountName: {{ include "haetae.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
# Everything taken is stored before the process ends; it gives up after 30 s by itself.
terminationGracePeriodSeconds: 60
{{- with $v.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- if .agent }}
  runAsUser: {{ $v.agent.runAsUser }}
  runAsGroup: {{ $v.agent.runAsUser }}
  runAsNonRoot: {{ ne (int $v.agent.runAsUser) 0 }}
  {{- else }}
  runAsUser: 10001
  runAsGroup: 10001
  runAsNonRoot: true
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: haetae
    image: {{ include "haetae.image" .root | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: [--config, /etc/haetae/haetae.yaml, --data, /data, --role, {{ .role }}]
    env:
      - name: HAETAE_INGEST_TOKEN
        valueFrom: {secretKeyRef: {name: {{ $v.auth.existingSecret }}, key: ingest-token}}
      - name: HAETAE_METRICS_TOKEN
        valueFrom: {secretKeyRef: {name: {{ $v.auth.existingSecret }}, key: metrics-token}}
      {{- if eq $v.mode "full" }}
      {{- with $v.kafka.existingSecret }}
      - name: KAFKA_USERNAME
        valueFrom: {secretKeyRef: {name: {{ . }}, key: username}}
      - name: KAFKA_PASSWORD
        valueFrom: {secretKeyRef: {name: {{ . }}, key: password}}
      {{- end }}
      {{- with $v.elasticsearch.existingSecret }}
      - name: ELASTICSEARCH_API_KEY
        valueFrom: {secretKeyRef: {name: {{ . }}, key: api-key}}
      {{- end }}
      {{- end }}
      {{- with $v.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      - {name: http, containerPort: 8514, protocol: TCP}
      {{- if and (ne .role "process") (not .agent) }}
      - {name: syslog-tcp, containerPort: 5514, protocol: TCP}
      - {name: syslog-udp, containerPort: 5514, protocol: UDP}
      {{- end }}
    # A start replays what was not stored: it may take its time.
    startupProbe:
      httpGet: {path: /livez, port: http}
      periodSeconds: 3
      failureThreshold: 200
    livenessProbe:
      httpGet: {path: /livez, port: http}
      periodSeconds: 20
      timeoutSeconds: 10
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      timeoutSeconds: 5
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    resources: {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - {name: data, mountPath: /data}
      - {name: tmp, mountPath: /tmp}
      - {name: config, mountPath: /etc/haetae/haetae.yaml, subPath: haetae.yaml, readOnly: true}
      {{- if eq $v.mode "full" }}
      {{- if $v.kafka.tls.existingSecret }}
      - {name: kafka-tls, mountPath: /etc/haetae/kafka-tls, readOnly: true}
      {{- end }}
      {{- if $v.elasticsearch.tls.existingSecret }}
      - {name: elasticsearch-tls, mountPath: /etc/haetae/elasticsearch-tls, readOnly: true}
      {{- end }}
      {{- end }}
      {{- if .agent }}
      - {name: var-log, mountPath: /var/log, readOnly: true}
      {{- end }}
      {{- with $v.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap: {name: {{ .config }}}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- if .agent }}
  - name: var-log
    hostPath: {path: /var/log, type: Directory}
  {{- end }}
  {{- if and .agent $v.agent.statePath }}
  - name: data
    hostPath: {path: {{ $v.agent.statePath }}, type: DirectoryOrCreate}
  {{- else if or .agent (eq .component "accept") }}
  - name: data
    emptyDir: {sizeLimit: 1Gi}
  {{- end }}
  {{- if eq $v.mode "full" }}
  {{- with $v.kafka.tls.existingSecret }}
  - name: kafka-tls
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- with $v.elasticsearch.tls.existingSecret }}
  - name: elasticsearch-tls
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- end }}
  {{- with $v.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "haetae.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
