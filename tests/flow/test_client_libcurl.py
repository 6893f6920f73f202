"""What libcurl must not do for cairn's sake: each test is a fault of the library that the client has to go around."""
import pytest

from test_client_pebble import read_pair

NAME = "library.example.test"


@pytest.fixture
def connections(fake_ca):
    """The connections that were made to the fake CA."""
    made = []
    handler = fake_ca.server.RequestHandlerClass
    usual = handler.setup

    def setup(self):
        made.append(self.client_address)
        usual(self)

    handler.setup = setup
    return made


def test_one_connection_is_kept(cairn_at_fake, connections):
    cairn_at_fake.issue(NAME)
    read_pair(cairn_at_fake.live(NAME))
    assert len(connections) == 1


def test_an_answer_that_begins_with_a_folded_line(fake_ca, cairn_at_fake):
    """libcurl 7.88 wrote that line behind the last header of the answer before, which was freed."""
    handler = fake_ca.server.RequestHandlerClass
    usual = handler.send_response

    def send_response(self, code, message=None):
        if self.path == "/dir":
            usual(self, code, message)
            return
        self.send_response_only(code, message)
        self._headers_buffer.append(b" https://to.example.test/folded-although-there-is-nothing-before-it\r\n")

    handler.send_response = send_response
    done = cairn_at_fake.issue(NAME, code=None)  # which looks for AddressSanitizer's words
    assert done.returncode in (1, 3, 4) and done.stderr.startswith("cairn: ")
