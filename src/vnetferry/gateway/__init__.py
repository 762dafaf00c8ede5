"""The only user of `azure.*`: one file per kind of resource.

Whatever goes wrong in here leaves as an error of `vnetferry.errors`; no token, key or secret leaves at all,
except as the return value of a function whose name says that it reads one.
"""
