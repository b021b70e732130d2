"""Rules on the words of medical English: identifiers, quantities, safety, negation, answers,
emergencies.
"""
