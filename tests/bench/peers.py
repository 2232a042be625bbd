"""Who is measured: the broker as it ships, and two that have the key in their config.

Each checks the client's token, verifies the upstream's certificate, keeps connections open both ways
and buffers nothing, tuned as by somebody who knows it well.
"""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

NGINX = """
daemon off; master_process on; worker_processes 1; pid {dir}/nginx-{name}.pid;
error_log {dir}/nginx-{name}.log crit;
events {{ worker_connections {connections}; }}
http {{
  access_log off; client_body_temp_path {dir}/nginx-body-{name}; proxy_temp_path {dir}/nginx-temp-{name};
  fastcgi_temp_path {dir}/nginx-f-{name}; uwsgi_temp_path {dir}/nginx-u-{name}; scgi_temp_path {dir}/nginx-s-{name};
  map_hash_bucket_size 128;
  map $http_authorization $known {{ default 0; "Bearer {token}" 1; }}
  upstream provider {{ server {upstream}; keepalive 512; keepalive_requests 100000000; keepalive_timeout 1h; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; keepalive_requests 100000000; keepalive_timeout 1h;
    client_max_body_size 0; tcp_nodelay on;
    location /proxy/openai/ {{
      if ($known = 0) {{ return 401; }}
      proxy_pass https://provider/; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host localhost;
      proxy_set_header Authorization "Bearer {key}";
      proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name localhost;
      proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;
      proxy_buffering off; proxy_request_buffering off; proxy_buffer_size 32k; proxy_buffers 4 32k; client_body_buffer_size 32k;
      proxy_read_timeout 1h; proxy_send_timeout 1h;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn {connections}
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend gateway
  bind 127.0.0.1:{port}
  http-request deny deny_status 401 unless {{ req.hdr(authorization) -m str "Bearer {token}" }}
  http-request set-header Authorization "Bearer {key}"
  http-request set-header Host localhost
  http-request set-path "%[path,regsub(^/proxy/openai,)]"
  default_backend provider
backend provider
  server one {upstream} ssl verify required ca-file {ca} verifyhost localhost sni str(localhost) ssl-min-ver TLSv1.3 pool-max-conn 512
"""

GRANT = """[[grants]]
secret_ref = "openai_api_key"
consumer = "ugent-core"
purposes = ["llm.chat", "llm.embeddings"]
delivery = ["http_header_inject"]
allowed_hosts = ["localhost"]
ttl_secs = 300
"""

PROVIDERS = """[[providers]]
id = "openai"
base_url = "https://localhost:{port}"
ca_file = "{ca}"
allow_private = true
"""


class Peer:
    """A gateway that runs: where it listens, what it takes for a token, and its processes."""

    def __init__(self, name, port, token, process):
        self.name, self.address, self.token, self.process = name, f"127.0.0.1:{port}", token, process

    def pids(self):
        """The process and all below it."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as children:
                    queue += [int(child) for child in children.read().split()]
        return found

    def memory(self):
        """Proportional set size of all its processes, in bytes (proc(5), smaps_rollup)."""
        whole = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                whole += sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
        return whole

    def switches(self):
        """How often its threads have been woken so far."""
        whole = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/status") as status:
                    whole += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
        return whole


def all_of(ground):
    """nginx twice: what it differs from itself by is noise."""
    found = [nginx(ground, "nginx"), nginx(ground, "nginx-again"), haproxy(ground), broker(ground, "ugent")]
    for peer in found:
        if ground.rr:
            for pid in peer.pids():
                subprocess.run(["chrt", "--all-tasks", "--rr", "--pid", "1", str(pid)], check=True)
    return found


def nginx(ground, name):
    port, token = free_port(), "ut_" + os.urandom(24).hex()
    path = ground.dir / f"{name}.conf"
    path.write_text(NGINX.format(dir=ground.dir, name=name, port=port, token=token, key=ground.key, ca=ground.ca,
                                 upstream=ground.upstream, connections=ground.descriptors // 2 - 100))
    process = ground.start(["nginx", "-c", path], ground.measured_core)
    return answering(Peer(name, port, token, process))


def haproxy(ground):
    port, token = free_port(), "ut_" + os.urandom(24).hex()
    path = ground.dir / "haproxy.cfg"
    path.write_text(HAPROXY.format(port=port, token=token, key=ground.key, ca=ground.ca, upstream=ground.upstream,
                                   connections=ground.descriptors // 2 - 100))
    process = ground.start(["haproxy", "-f", path], ground.measured_core)
    return answering(Peer("haproxy", port, token, process))


def broker(ground, name, grants=GRANT, settings="", core=None):
    """Defaults, but for where the provider is."""
    home, work = ground.dir / name, ground.dir / f"{name}-work"
    for made in (home, work):
        made.mkdir(mode=0o700)
    (work / ".git").mkdir()
    port = free_port()
    write = lambda file, text: (home / file).write_text(text) and os.chmod(home / file, 0o600)
    write("secrets.toml", f'backend = "file-vault"\nlisten = "127.0.0.1:{port}"\n{settings}')
    ca = home / "ca.pem"
    write("ca.pem", ground.ca.read_text())
    write("secrets.providers.toml", PROVIDERS.format(port=ground.upstream.split(":")[1], ca=ca))
    write("secrets.grants.toml", grants)
    env = {"PATH": os.environ["PATH"], "UGENT_HOME": str(home), "HOME": str(home),
           "UGENT_SECRETS_PASSPHRASE": os.urandom(16).hex()}
    env.update({name: value for name, value in os.environ.items() if name == "UGENT_LOG"})

    def ugent(*arguments, stdin=None):
        subprocess.run([ground.binaries / "ugent", "secret", *arguments], env=env, cwd=work, input=stdin, text=True,
                       check=True, stdout=subprocess.DEVNULL)

    ugent("init")
    ugent("add", "@openai_api_key", "--provider", "openai", "--kind", "api_key", "--stdin", stdin=ground.key + "\n")
    token = (home / "secrets" / "broker.token").read_text().strip()
    core = ground.measured_core if core is None else core
    with open(ground.dir / f"{name}.log", "w") as log:
        process = ground.start([ground.binaries / "secret-broker"], core, env=env, cwd=work, stderr=log)
    return answering(Peer(name, port, token, process))


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answering(peer):
    """Waits until it gives the upstream's answer."""
    request = urllib.request.Request(f"http://{peer.address}/proxy/openai/v1/chat/completions", method="POST",
                                     data=b"{}", headers={"Authorization": f"Bearer {peer.token}", "x-bench": "json 2"})
    deadline = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert answer.status == 200
                return peer
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > deadline or peer.process.poll() is not None:
                raise RuntimeError(f"{peer.name} does not answer: {error}") from None
            time.sleep(0.05)
