"""Bootstrap your own latent: the method, and nothing of images or of the training loop.

Source: Grill et al., "Bootstrap your own latent: a new approach to self-supervised learning", NeurIPS 2020.

heads      projector and predictor
loss       eq. 1, symmetrised
schedules  the target's momentum and the learning rate, by step
learner    online and target network; one step's loss; the Polyak average
"""
