-- Version 6: nothing; its number is taken by a change that is made beside this one.

PRAGMA user_version = 6;
