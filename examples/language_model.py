"""A language model of transformers.

A GPT-2 with two layers, built by Hugging Face's transformers, learns the text below by heart,
character by character. `causal_lm_loss` is the mean over tokens, of which padded ones do not
count; a pretrained model is scanned in the same manner.
"""

import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import landscape
from landscape.hf import causal_lm_loss

TEXT = """The loss surface of a network is a function of all its weights, of which a picture shows
two directions. Hills of the picture need not be hills in all directions, and what looks like a
minimum may be a saddle. What remains is a cross section: exact where it is drawn, and silent about
what lies outside of it."""

characters = sorted(set(TEXT))
ids = torch.tensor([characters.index(character) for character in TEXT])
tokens = ids[: len(ids) // 32 * 32].reshape(-1, 32)
batch = {"input_ids": tokens, "labels": tokens}

torch.manual_seed(0)
sizes = {"vocab_size": len(characters), "n_positions": 32, "n_embd": 48, "n_layer": 2, "n_head": 4}
special = {"bos_token_id": None, "eos_token_id": None}
dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
model = GPT2LMHeadModel(GPT2Config(**sizes, **special, **dropout))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
grid = landscape.Grid.regular(21, alpha=(-0.5, 0.5))
surfaces = []
for steps in (20, 180):
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    surfaces.append(landscape.scan(landscape.Objective(model, causal_lm_loss, batch), grid=grid))

names = ["after 20 steps", "after 200 steps"]
figure = landscape.plot(*surfaces, kind="contour", names=names, title="")
figure.savefig((sys.argv[1:] or ["language_model.png"])[0])
