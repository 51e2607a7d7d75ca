"""The Python client's streams: exec with input, exit code and a terminal; a forwarded port."""

from kubernetes import client, config
from kubernetes.stream import portforward, stream

config.load_kube_config()
pods = client.CoreV1Api()
where = ("web", "default")

streams = dict(container="main", stdin=False, stdout=True, stderr=True, tty=False)
said = stream(pods.connect_get_namespaced_pod_exec, *where, command=["sh", "-c", "echo a b"], **streams)
assert said == "a b\n", said

streams = dict(container="main", stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False)
shell = stream(pods.connect_get_namespaced_pod_exec, *where, command=["sh"], **streams)
shell.write_stdin("echo heard; echo problem >&2; exit 3\n")
shell.run_forever(timeout=30)
assert shell.read_stdout() == "heard\n" and shell.read_stderr() == "problem\n"
assert shell.returncode == 3, shell.returncode

forward = portforward(pods.connect_get_namespaced_pod_portforward, *where, ports="8080")
socket = forward.socket(8080)
socket.settimeout(30)
socket.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
answer = b""
while piece := socket.recv(4096):
    answer += piece
assert b"hello from web" in answer, answer
assert forward.error(8080) is None
print("the streams work")
