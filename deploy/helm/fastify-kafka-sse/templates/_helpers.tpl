{{- define "kafka-sse.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "kafka-sse.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kafka-sse.labels" -}}
{{ include "kafka-sse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "kafka-sse.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/*
MiB of memory that a pod may take, as deploy/README.md derives it: the process, its workers, its records with a quarter
more for their index and for what slow clients hold, and a tenth of a MiB for each stream.
*/}}
{{- define "kafka-sse.memoryMiB" -}}
{{- with .Values.size }}
{{- $records := add (mul .retainedMiB .buses) .byPathMiB | int }}
{{- add 384 (mul 64 .workers) $records (div (add $records 3) 4) (div (add .streams 9) 10) }}
{{- end }}
{{- end }}

{{/* Ports that the pod has to reach, separated by commas: those of the lists, and those of its brokers and URLs. */}}
{{- define "kafka-sse.egressPorts" -}}
{{- $ports := list }}
{{- range concat .Values.networkPolicy.kafkaPorts .Values.networkPolicy.keyPorts }}{{ $ports = append $ports (toString (int64 .)) }}{{ end }}
{{- $auth := dig "auth" dict .Values.configFile }}
{{- $brokers := list .Values.kafka.bootstrapServers (dig "kafka" "bootstrapServers" "" .Values.configFile) | join "," | nospace }}
{{- range splitList "," $brokers }}
{{- with regexFind "[0-9]+$" (regexFind ":[0-9]+$" .) }}{{ $ports = append $ports . }}{{ end }}
{{- end }}
{{- $urls := list .Values.auth.issuer (dig "issuer" "" $auth) (dig "keys" "" $auth) }}
{{- range dig "issuers" list $auth }}{{ $urls = append $urls .issuer | concat (list (dig "keys" "" .)) }}{{ end }}
{{- range list "JWT_KEYS" "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" "KAFKA_CONFIG_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL" "HTTPS_PROXY" "HTTP_PROXY" }}
{{- $urls = append $urls (get $.Values.settings .) }}
{{- end }}
{{- range $urls }}
{{- if regexMatch "^https?://" (toString .) }}
{{- $port := regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" }}
{{- $ports = append $ports ($port | default (hasPrefix "https" . | ternary "443" "80")) }}
{{- end }}
{{- end }}
{{- uniq $ports | join "," }}
{{- end }}

{{/* What several replicas need is an error that names it, and so is a secret where others may read it. */}}
{{- define "kafka-sse.checked" -}}
{{- $many := or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}
{{- $file := .Values.configFile }}
{{- if and $many (not .Values.kafka.controlTopic) (not (dig "kafka" "controlTopic" "" $file)) }}
{{- fail "kafka.controlTopic is required with more than one replica: renewals and revocations may come to any of them" }}
{{- end }}
{{- if and $many (not .Values.secretKey.secret) }}
{{- fail "secretKey.secret is required with more than one replica: each would make a key of its own" }}
{{- end }}
{{- if not .Values.kafka.bootstrapServers }}
{{- fail "kafka.bootstrapServers is required: host:port of the brokers" }}
{{- end }}
{{- if and (or (not .Values.auth.issuer) (not .Values.auth.audience)) (not (dig "auth" nil $file)) }}
{{- fail "auth.issuer and auth.audience are required, or `auth` in configFile" }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if not (or (kindIs "string" $value) (kindIs "float64" $value) (kindIs "int64" $value)) }}
{{- fail (printf "settings.%s is neither text nor a number: put on and off into quotes, which YAML reads as booleans" $name) }}
{{- end }}
{{- if has $name (list "KAFKA_BOOTSTRAP_SERVERS" "KAFKA_TOPIC" "KAFKA_CONTROL_TOPIC" "JWT_ISSUER" "JWT_AUDIENCE" "TLS" "TLS_CERT_FILE" "TLS_KEY_FILE" "SECRET_KEY_FILE" "CONFIG_FILE") }}
{{- fail (printf "settings.%s: set it by a value of its own (kafka, auth, tls, secretKey, configFile), because two of one name may differ" $name) }}
{{- end }}
{{- if has $name (list "WORKERS" "STREAMS_MAX" "KAFKA_RETAINED_BYTES_MAX" "TOPICS_BYTES_MAX" "LINGER_SECONDS" "DRAIN_SECONDS") }}
{{- fail (printf "settings.%s: set it by `size`, `lingerSeconds` or `drainSeconds`, because the pod's limits are made of these" $name) }}
{{- end }}
{{- if regexMatch "(^SECRET_KEY|PASSWORD|PASSPHRASE|_SECRET|_KEY_PEM|_JAAS_CONFIG)$" $name }}
{{- fail (printf "settings.%s is a secret, and would stand in the pod as it is: give it by `secretKey` or `secretSettings`" $name) }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if or (regexMatch "^OTEL_EXPORTER_OTLP_(.*_)?HEADERS$" $name) (regexMatch "://[^/?#]*@" (toString $value)) }}
{{- fail (printf "settings.%s is a secret, and would stand in the pod as it is: give it by `secretVariables`" $name) }}
{{- end }}
{{- end }}
{{- range .Values.secretSettings }}
{{- if hasPrefix "OTEL_" .name }}
{{- fail (printf "secretSettings: %s is read from no file: give it by `secretVariables`" .name) }}
{{- end }}
{{- end }}
{{- $names := keys .Values.settings }}
{{- range concat .Values.secretSettings .Values.secretFiles .Values.secretVariables }}
{{- if has .name $names }}
{{- fail (printf "%s is given twice: once by `settings`, `secretSettings`, `secretFiles` or `secretVariables`" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- if dig "sse" "secretKey" "" $file }}
{{- fail "configFile.sse.secretKey is a secret, and would stand in a ConfigMap: give it by `secretKey`" }}
{{- end }}
{{- range $name, $_ := dig "kafka" "config" dict $file }}
{{- if regexMatch "(password|passphrase|\\.secret|key\\.pem|jaas\\.config)$" $name }}
{{- fail (printf "configFile.kafka.config.%s is a secret, and would stand in a ConfigMap: give it by `secretSettings`" $name) }}
{{- end }}
{{- end }}
{{- end }}
