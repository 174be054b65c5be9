"""The commands, which `vicinal` passes on as they are.

options   what the commands ask for, and the run that the answers describe
train     `vicinal train`
grid      `vicinal train-grid`
"""
