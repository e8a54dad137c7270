"""Model servers that say what a test tells them, where the rehearsal model would say too much of its own."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "served",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Good."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "served",
    "content": [{"type": "text", "text": "Good."}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2}}


class Provider(ThreadingHTTPServer):
    """Answers every POST alike, with the header fields of `fields`; and every GET with the status `health`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer=None, status=200, **fields):
        super().__init__(("127.0.0.1", 0), ProviderHandler)
        self.answer, self.status, self.fields, self.delay = answer or CHAT, status, fields, 0
        self.health, self.health_delay = 200, 0
        # What was asked: paths and, of GETs, header fields too.
        self.asked, self.checked, self.broken_off = [], [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def requests(self):
        return len(self.asked)

    def handle_error(self, *arguments):
        # A gateway that leaves is what some tests are about.
        pass


class ProviderHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        self.rfile.read(int(self.headers["content-length"]))
        server.asked.append(self.path)
        if self.waits(server.delay):
            server.broken_off += 1
            self.close_connection = True
            return
        body = json.dumps(server.answer if server.status == 200 else {"error": {"message": "No."}}).encode()
        self.say(server.status, server.fields, body)

    def do_GET(self):
        self.server.checked.append((self.path, dict(self.headers)))
        time.sleep(self.server.health_delay)
        self.say(self.server.health, {}, b"{}")

    def waits(self, seconds):
        """Waits for a while; True if the other side left meanwhile."""
        self.connection.settimeout(seconds or None)
        if not seconds:
            return False
        try:
            return self.connection.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        finally:
            self.connection.settimeout(None)

    def say(self, status, fields, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass
