"""Rules on the words of medical English: identifiers, quantities, safety, answers, emergencies."""
