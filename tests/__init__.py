"""Tests of alloop, file for file as the packages they test."""
