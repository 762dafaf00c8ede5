"""What people are shown: tables, progress, reports. Rendering is pure; only the audit file is written
here.
"""
