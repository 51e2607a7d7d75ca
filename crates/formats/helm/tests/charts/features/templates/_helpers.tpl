{{- define "features.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end -}}
{{- end }}
{{- define "features.labels" }}
labels:
  {{- include "common.labels" . | nindent 2 }}
  {{- with .Values.global.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- /* Of two definitions the one that is read last counts: the outer chart's. */}}
{{- define "backend.name" }}outer-{{ .Chart.Name }}{{ end }}
