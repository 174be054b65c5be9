"""vicinal inside Label Studio: a machine-learning back end that keeps no truth of its own.

Label Studio is the truth about annotations, vicinal's log the truth about labels. What Label Studio tells by
a webhook only says where to look again; what is there is read through its API, compared with the labels of
the dataset, and the difference is written. So events may be lost, doubled or late, and either side may be
away for a while.
"""
