"""The commands, which `vicinal` passes on as they are.

options      what several commands ask for
train_cmd    `vicinal train`
"""
