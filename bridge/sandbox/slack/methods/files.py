"""``files.*``: a file comes in three steps, and in this order only."""

from collections.abc import Mapping

from bridge.sandbox.slack.calls import Call, Method
from bridge.sandbox.slack.checks import Json, array, record, text
from bridge.sandbox.slack.documents import file_document
from bridge.sandbox.slack.methods.chat import check_thread
from bridge.sandbox.slack.model import Channel, File
from bridge.sandbox.slack.refusals import No, Refusal, refuse_problems
from bridge.sandbox.slack.world import World

_FILES = array(record({"id": text(20)}, {"title": text(255)}), 10)


def get_upload_url(call: Call) -> Json:
    """Announce a file: the first step."""
    length = call.arguments.number("length")
    if length < 1:
        raise Refusal(No.INVALID_ARGUMENTS, why="an empty file", surprise=True)
    name = call.arguments.text("filename")
    made = File(id=call.world.next_id("F"), name=name, length=length, title=name)
    call.world.files[made.id] = made
    return {"upload_url": f"{call.world.url}/upload/{made.id}", "file_id": made.id}


def take_upload(world: World, id_: str, content: bytes) -> str:
    """Take the bytes: the second step.

    Raises:
        Refusal: No such file was announced, it came before, or its size is another.
    """
    file = world.files.get(id_)
    if file is None or file.content is not None:
        raise Refusal(No.FILE_NOT_FOUND, why="an upload nobody announced", surprise=True)
    if len(content) != file.length:
        why = f"{len(content)} bytes instead of {file.length}"
        raise Refusal(No.FILE_SIZE_MISMATCH, why=why, surprise=True)
    file.content = content
    return f"OK - {len(content)}"


def complete_upload(call: Call) -> Json:
    """Show files in a channel: the third step."""
    given = call.arguments.json("files")
    refuse_problems(No.INVALID_ARGUMENTS, list(_FILES(given, "/files")))
    files = [_uploaded(call.world, one["id"]) for one in given]
    channel = _channel(call)
    for one, file in zip(given, files, strict=True):
        file.title, file.shared = one.get("title", file.name), True
        file.channel = channel.id if channel else ""
    if channel is not None:
        said, thread = call.arguments.text("initial_comment"), call.arguments.text("thread_ts")
        thread = check_thread(channel, thread)
        call.world.add_message(channel, call.world.bot, said, thread=thread, files=files)
    return {"files": [file_document(file) for file in files]}


def info(call: Call) -> Json:
    """Show a file."""
    file = call.world.files.get(call.arguments.text("file"))
    if file is None or not file.shared:
        raise Refusal(No.FILE_NOT_FOUND)
    return {"file": {**file_document(file), "channels": [file.channel] if file.channel else []}}


def _uploaded(world: World, id_: str) -> File:
    file = world.files.get(id_)
    if file is None or file.content is None or file.shared:
        why = f"{id_} is not between the second and the third step"
        raise Refusal(No.FILE_NOT_FOUND, why=why, surprise=True)
    return file


def _channel(call: Call) -> Channel | None:
    arguments = call.arguments
    if not (arguments.text("channel_id") or arguments.text("channels")):
        return None
    channel = call.world.channel(arguments.text("channel_id") or arguments.text("channels"))
    if channel.archived:
        raise Refusal(No.IS_ARCHIVED)
    if not call.world.is_in(channel):
        raise Refusal(No.NOT_IN_CHANNEL)  # chat:write.public does not help here
    return channel


METHODS: Mapping[str, Method] = {
    "files.getUploadURLExternal": Method(
        handler=get_upload_url,
        tier="tier4",
        needed=("filename", "length"),
        more=("alt_txt", "snippet_type"),
        scope="files:write",
    ),
    "files.completeUploadExternal": Method(
        handler=complete_upload,
        tier="tier4",
        needed=("files",),
        more=("channel_id", "channels", "thread_ts", "initial_comment"),
        scope="files:write",
    ),
    "files.info": Method(handler=info, tier="tier4", needed=("file",), scope="files:read"),
}
