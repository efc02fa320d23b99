"""The studio: a page in the browser where a skeleton is dragged and the person follows.

security   who may ask: address, token, limits
scenes     people: embedded ones, or found in a photo; motions put on them
models     the models on show, one picture at a time
exports    clips, pictures and poses as files, and the command that makes them again
app        what the page asks for; serve: the server
page/      the page itself
survey     what the page of a user study asks for; study/: that page

It is stateless: whatever a request is about, it brings along. So two tabs do not meet, and a server
that was started again goes on where the other one ended. Only a study's answers are written down.
"""
