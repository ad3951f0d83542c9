"""What Streamlit's command line is given to run: `app.py` behind a server of our own making."""

from pathlib import Path

import streamlit as st

from fusebench.leaderboard import web

# Streamlit looks for this assignment in the text of the file before it imports it.
app = st.App(
    Path(__file__).with_name("app.py"),
    routes=web.routes(st.get_option("server.baseUrlPath")),
    lifespan=web.opened,
)
