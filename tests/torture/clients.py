"""Clients of the door who write down what they were told, and ask again with the same key until they are told something.

    python3 clients.py HOST:PORT CERTIFICATE KEY THREADS FILE

Each thread POSTs one identity after the other, its user id the request's Idempotency-Key, and appends "KEY STATUS" to FILE as soon as it has an
answer below 500; anything else (no connection, an answer cut off, 5xx) is asked again with the same key. SIGTERM ends it when each
thread has its answer.
"""
import http.client
import json
import signal
import ssl
import sys
import threading
import time

address, certificate, key, threads, path = sys.argv[1:]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
lock = threading.Lock()
out = open(path, "a", buffering=1)
tls = ssl.create_default_context()
tls.check_hostname = False
tls.verify_mode = ssl.CERT_NONE
tls.load_cert_chain(certificate, key)


def ask(connection, user):
    body = json.dumps({"valSvcConf": [{"valServiceId": "v2x", "idList": [{"valUserId": user}]}]})
    headers = {"Content-Type": "application/json", "Idempotency-Key": '"%s"' % user}
    connection.request("POST", "/ss-ipp/v1/configurations", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def client(n):
    connection = None
    count = 0
    while not stop.is_set():
        user = "user-%d-%d" % (n, count)
        count += 1
        while True:
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection(address, timeout=20, context=tls)
                status = ask(connection, user)
                if status < 500 and status != 429:
                    break
                time.sleep(0.02)
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)
        with lock:
            out.write("%s %d\n" % (user, status))


workers = [threading.Thread(target=client, args=(n,)) for n in range(int(threads))]
for worker in workers:
    worker.start()
while not stop.is_set():
    time.sleep(0.1)
for worker in workers:
    worker.join()
