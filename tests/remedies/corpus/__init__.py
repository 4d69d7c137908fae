"""Differently written notebooks: does every prescribed cell use the user's own names?"""
