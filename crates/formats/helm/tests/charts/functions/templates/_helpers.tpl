{{- define "functions.name" -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- define "functions.metadata" -}}
metadata:
  name: {{ include "functions.name" .top }}-{{ .name }}
  labels:
    helm.sh/chart: {{ printf "%s-%s" .top.Chart.Name .top.Chart.Version | replace "+" "_" }}
{{- end -}}
