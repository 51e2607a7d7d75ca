//! Defaults are those that upstream documents.

mod preparations;

use bythos_yaml::{Limits, parse};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::{Kind, built_in};

fn kind(name: &str) -> Kind {
    built_in().into_iter().find(|kind| kind.kind == name).unwrap()
}

fn yaml(text: &str) -> Value {
    parse(text, Limits { bytes_max: 1 << 20, depth_max: 100, values_max: 10_000 }).unwrap()
}

/// Fills in the defaults twice, since what was read may be written again.
#[track_caller]
fn check(kind_name: &str, text: &str, expected: &Expect) {
    let default = kind(kind_name).rules.default;
    let mut object = yaml(text);
    default(&mut object);
    let once = object.clone();
    default(&mut object);
    assert_eq!(object, once);
    expected.assert_eq(&bythos_yaml::to_string(&object));
}

#[test]
fn a_pod_gets_policies_and_its_containers_get_theirs() {
    let pod = "
spec:
  serviceAccountName: robot
  hostNetwork: true
  containers:
  - name: web
    image: web:1
    ports: [{containerPort: 80}]
    env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    readinessProbe: {httpGet: {port: 80}, periodSeconds: 5, timeoutSeconds: 0}
    resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 100m}}
  initContainers:
  - {name: first, image: first}
  volumes:
  - name: empty
  - {name: config, configMap: {name: c}}
  - {name: host, hostPath: {path: /x}}
  - name: all
    projected:
      sources:
      - serviceAccountToken: {path: token}
      - downwardAPI: {items: [{path: ns, fieldRef: {fieldPath: metadata.namespace}}]}
";
    check(
        "Pod",
        pod,
        &expect![[r#"
        spec:
          containers:
          - env:
            - name: IP
              valueFrom:
                fieldRef:
                  apiVersion: v1
                  fieldPath: status.podIP
            image: web:1
            imagePullPolicy: IfNotPresent
            name: web
            ports:
            - containerPort: 80
              hostPort: 80
              protocol: TCP
            readinessProbe:
              failureThreshold: 3
              httpGet:
                path: /
                port: 80
                scheme: HTTP
              periodSeconds: 5
              successThreshold: 1
              timeoutSeconds: 1
            resources:
              limits:
                cpu: "1"
                memory: 1Gi
              requests:
                cpu: 100m
                memory: 1Gi
            terminationMessagePath: /dev/termination-log
            terminationMessagePolicy: File
          dnsPolicy: ClusterFirst
          enableServiceLinks: true
          hostNetwork: true
          initContainers:
          - image: first
            imagePullPolicy: Always
            name: first
            resources: {}
            terminationMessagePath: /dev/termination-log
            terminationMessagePolicy: File
          restartPolicy: Always
          schedulerName: default-scheduler
          securityContext: {}
          serviceAccount: robot
          serviceAccountName: robot
          terminationGracePeriodSeconds: 30
          volumes:
          - emptyDir: {}
            name: empty
          - configMap:
              defaultMode: 420
              name: c
            name: config
          - hostPath:
              path: /x
              type: ""
            name: host
          - name: all
            projected:
              defaultMode: 420
              sources:
              - serviceAccountToken:
                  expirationSeconds: 3600
                  path: token
              - downwardAPI:
                  items:
                  - fieldRef:
                      apiVersion: v1
                      fieldPath: metadata.namespace
                    path: ns
    "#]],
    );
}

#[test]
fn a_deployment_rolls_and_its_template_is_defaulted_but_for_what_only_pods_get() {
    let deployment = "
spec:
  selector: {matchLabels: {app: web}}
  template:
    spec:
      containers:
      - {name: web, image: web, resources: {limits: {cpu: 1}}}
";
    check(
        "Deployment",
        deployment,
        &expect![[r#"
        spec:
          progressDeadlineSeconds: 600
          replicas: 1
          revisionHistoryLimit: 10
          selector:
            matchLabels:
              app: web
          strategy:
            rollingUpdate:
              maxSurge: 25%
              maxUnavailable: 25%
            type: RollingUpdate
          template:
            spec:
              containers:
              - image: web
                imagePullPolicy: Always
                name: web
                resources:
                  limits:
                    cpu: "1"
                terminationMessagePath: /dev/termination-log
                terminationMessagePolicy: File
              dnsPolicy: ClusterFirst
              restartPolicy: Always
              schedulerName: default-scheduler
              securityContext: {}
              terminationGracePeriodSeconds: 30
    "#]],
    );
    check(
        "Deployment",
        "spec: {replicas: 0, strategy: {type: Recreate}}",
        &expect![[r#"
        spec:
          progressDeadlineSeconds: 600
          replicas: 0
          revisionHistoryLimit: 10
          strategy:
            type: Recreate
          template:
            spec:
              dnsPolicy: ClusterFirst
              restartPolicy: Always
              schedulerName: default-scheduler
              securityContext: {}
              terminationGracePeriodSeconds: 30
    "#]],
    );
}

#[test]
fn a_service_gets_a_type_and_its_ports_a_target() {
    check(
        "Service",
        "spec: {ports: [{port: 80}], clusterIP: 10.43.0.9}",
        &expect![[r#"
        spec:
          clusterIP: 10.43.0.9
          clusterIPs:
          - 10.43.0.9
          internalTrafficPolicy: Cluster
          ipFamilies:
          - IPv4
          ipFamilyPolicy: SingleStack
          ports:
          - port: 80
            protocol: TCP
            targetPort: 80
          sessionAffinity: None
          type: ClusterIP
    "#]],
    );
    check(
        "Service",
        "spec: {type: LoadBalancer, sessionAffinity: ClientIP, ports: [{port: 80, targetPort: http, protocol: UDP}]}",
        &expect![[r#"
            spec:
              allocateLoadBalancerNodePorts: true
              externalTrafficPolicy: Cluster
              internalTrafficPolicy: Cluster
              ipFamilies:
              - IPv4
              ipFamilyPolicy: SingleStack
              ports:
              - port: 80
                protocol: UDP
                targetPort: http
              sessionAffinity: ClientIP
              sessionAffinityConfig:
                clientIP:
                  timeoutSeconds: 10800
              type: LoadBalancer
        "#]],
    );
    check(
        "Service",
        "spec: {type: ExternalName, externalName: a.b, sessionAffinityConfig: {clientIP: {timeoutSeconds: 9}}}",
        &expect![[r#"
        spec:
          externalName: a.b
          sessionAffinity: None
          type: ExternalName
    "#]],
    );
}

#[test]
fn other_kinds_get_what_they_need() {
    check(
        "Namespace",
        "metadata: {name: shop}",
        &expect![[r#"
        metadata:
          labels:
            kubernetes.io/metadata.name: shop
          name: shop
    "#]],
    );
    check(
        "Secret",
        "data: {}",
        &expect![[r#"
        data: {}
        type: Opaque
    "#]],
    );
    check(
        "EndpointSlice",
        "ports: [{port: 80}, {name: dns, port: 53, protocol: UDP}]",
        &expect![[r#"
        ports:
        - name: ""
          port: 80
          protocol: TCP
        - name: dns
          port: 53
          protocol: UDP
    "#]],
    );
    check(
        "RoleBinding",
        "{roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: a}, {kind: ServiceAccount, name: b}]}",
        &expect![[r#"
            roleRef:
              apiGroup: rbac.authorization.k8s.io
              kind: Role
              name: r
            subjects:
            - apiGroup: rbac.authorization.k8s.io
              kind: User
              name: a
            - kind: ServiceAccount
              name: b
        "#]],
    );
    check(
        "CustomResourceDefinition",
        "spec: {names: {kind: Widget, plural: widgets}}",
        &expect![[r#"
        spec:
          conversion:
            strategy: None
          names:
            kind: Widget
            listKind: WidgetList
            plural: widgets
            singular: widget
    "#]],
    );
    check(
        "StatefulSet",
        "spec: {volumeClaimTemplates: [{metadata: {name: d}}]}",
        &expect![[r#"
        spec:
          persistentVolumeClaimRetentionPolicy:
            whenDeleted: Retain
            whenScaled: Retain
          podManagementPolicy: OrderedReady
          replicas: 1
          revisionHistoryLimit: 10
          template:
            spec:
              dnsPolicy: ClusterFirst
              restartPolicy: Always
              schedulerName: default-scheduler
              securityContext: {}
              terminationGracePeriodSeconds: 30
          updateStrategy:
            rollingUpdate:
              maxUnavailable: 1
              partition: 0
            type: RollingUpdate
          volumeClaimTemplates:
          - apiVersion: v1
            kind: PersistentVolumeClaim
            metadata:
              name: d
            spec:
              volumeMode: Filesystem
            status:
              phase: Pending
    "#]],
    );
    check(
        "NetworkPolicy",
        "spec: {egress: [{ports: [{port: 1}]}]}",
        &expect![[r#"
        spec:
          egress:
          - ports:
            - port: 1
              protocol: TCP
          policyTypes:
          - Ingress
          - Egress
    "#]],
    );
    check(
        "Job",
        "spec: {template: {}}",
        &expect![[r#"
        spec:
          backoffLimit: 6
          completionMode: NonIndexed
          completions: 1
          parallelism: 1
          podReplacementPolicy: TerminatingOrFailed
          suspend: false
          template:
            spec:
              dnsPolicy: ClusterFirst
              restartPolicy: Always
              schedulerName: default-scheduler
              securityContext: {}
              terminationGracePeriodSeconds: 30
    "#]],
    );
}

#[test]
fn a_behavior_is_filled_in_where_it_says_nothing() {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let mut scaler = json!({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}});
    super::autoscaler::version_2(&mut scaler);
    assert_eq!(
        scaler["spec"]["behavior"],
        json!({
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent],
            },
            "scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": [percent]},
        })
    );
    let mut without = json!({"spec": {}});
    super::autoscaler::version_2(&mut without);
    assert!(without["spec"].get("behavior").is_none());
}

#[test]
fn what_extends_the_api_gets_what_it_leaves_out() {
    let webhook =
        "webhooks: [{name: a, clientConfig: {service: {name: s}}, rules: [{operations: [CREATE]}]}]";
    check(
        "MutatingWebhookConfiguration",
        webhook,
        &expect![[r#"
            webhooks:
            - clientConfig:
                service:
                  name: s
                  port: 443
              failurePolicy: Fail
              matchPolicy: Equivalent
              name: a
              namespaceSelector: {}
              objectSelector: {}
              reinvocationPolicy: Never
              rules:
              - operations:
                - CREATE
                scope: '*'
              timeoutSeconds: 10
        "#]],
    );
    check(
        "PriorityLevelConfiguration",
        "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 16}}}}",
        &expect![[r#"
            spec:
              limited:
                lendablePercent: 0
                limitResponse:
                  queuing:
                    handSize: 8
                    queueLengthLimit: 50
                    queues: 16
                  type: Queue
                nominalConcurrencyShares: 30
              type: Limited
        "#]],
    );
    check(
        "ResourceClaim",
        "spec: {devices: {requests: [{name: a, exactly: {tolerations: [{key: k}]}}, {name: b, exactly: {allocationMode: All}}]}}",
        &expect![[r#"
            spec:
              devices:
                requests:
                - exactly:
                    allocationMode: ExactCount
                    count: 1
                    tolerations:
                    - key: k
                      operator: Equal
                  name: a
                - exactly:
                    allocationMode: All
                  name: b
        "#]],
    );
    check(
        "IngressClass",
        "spec: {parameters: {kind: K, name: x}}",
        &expect![[r#"
            spec:
              parameters:
                kind: K
                name: x
                scope: Cluster
        "#]],
    );
}
