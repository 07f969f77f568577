class Planted:
    def save(self):
        self.env.cr.commit()
