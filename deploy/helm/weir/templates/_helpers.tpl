{{- define "weir.labels" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weir.serviceAccount" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}

{{- /* The agent's configuration, /etc/weir/weir.yaml. `weir config validate` reads it in Scripts/chart. */ -}}
{{- define "weir.configuration" -}}
mechanism: {{ .Values.mechanism }}
log:
  level: {{ .Values.log.level }}
  format: {{ .Values.log.format }}
agent:
  listen: {{ .Values.listen | quote }}
  unloadOnStop: {{ .Values.unloadOnStop }}
  kubernetes:
    enabled: true
  cni:
    install: {{ .Values.cni.install }}
    binDir: {{ .Values.cni.binDir | quote }}
    confDir: {{ .Values.cni.confDir | quote }}
    failurePolicy: {{ .Values.cni.failurePolicy }}
    excludeNamespaces: {{ append .Values.cni.excludeNamespaces .Release.Namespace | uniq | toJson }}
{{- end }}
