"""Leaderboard: database rows to tables, and the Streamlit app over them."""
