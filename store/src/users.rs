//! Accounts.

use diesel::dsl::{exists, now, select};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{Role, User, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::{Word, storable};
use crate::schema::users;
use crate::{Store, StoreError};

/// An account with what its owner must not see.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct UserRow {
    /// The account's id.
    #[diesel(deserialize_as = Uuid)]
    pub id: UserId,
    /// In lower case.
    pub email: String,
    /// The name shown on the page.
    pub name: String,
    /// What it may do.
    #[diesel(deserialize_as = Word<Role>)]
    pub role: Role,
    /// The bcrypt hash.
    pub password_hash: String,
    /// A deactivated account cannot sign in.
    pub active: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self { id: row.id, email: row.email, name: row.name, role: row.role, created_at: row.created_at }
    }
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What one signs in with; kept in lower case.
    pub email: String,
    /// The name shown on the page.
    pub name: String,
    /// The bcrypt hash.
    pub password_hash: String,
}

impl Store {
    /// Whether anybody has an account.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        Ok(select(exists(users::table.select(users::id))).get_result(&mut connection).await?)
    }

    /// Makes the first account, an administrator.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where any account exists, also one that is being made at the same moment.
    pub async fn create_first_user(&self, new: &NewUser) -> Result<UserRow, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                // Readers go on; a second first account waits here and then finds this one.
                diesel::sql_query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").execute(connection).await?;
                if select(exists(users::table.select(users::id))).get_result(connection).await? {
                    return Err(StoreError::Conflict);
                }
                insert(connection, new, Role::Admin).await
            })
            .await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the address has one.
    pub async fn create_user(&self, new: &NewUser, role: Role) -> Result<UserRow, StoreError> {
        let mut connection = self.connection().await?;
        insert(&mut connection, new, role).await
    }

    /// An account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none.
    pub async fn user(&self, id: UserId) -> Result<UserRow, StoreError> {
        let mut connection = self.connection().await?;
        let query = users::table.find(id.0).select(UserRow::as_select());
        Ok(query.first(&mut connection).await?)
    }

    /// The account of an address; case does not matter.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it has none.
    pub async fn user_by_email(&self, email: &str) -> Result<UserRow, StoreError> {
        let mut connection = self.connection().await?;
        let query = users::table.filter(users::email.eq(normal_email(email))).select(UserRow::as_select());
        Ok(query.first(&mut connection).await?)
    }

    /// All accounts, oldest first: for the administrator.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let mut connection = self.connection().await?;
        let query = users::table.order(users::id).select(UserRow::as_select());
        Ok(query.load(&mut connection).await?)
    }

    /// Gives an account another name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such account.
    pub async fn rename_user(&self, id: UserId, name: &str) -> Result<UserRow, StoreError> {
        let mut connection = self.connection().await?;
        Ok(diesel::update(users::table.find(id.0))
            .set((users::name.eq(storable(name)), users::updated_at.eq(now)))
            .returning(UserRow::as_returning())
            .get_result(&mut connection)
            .await?)
    }
}

async fn insert(
    connection: &mut AsyncPgConnection,
    new: &NewUser,
    role: Role,
) -> Result<UserRow, StoreError> {
    Ok(diesel::insert_into(users::table)
        .values((
            users::id.eq(UserId::new().0),
            users::email.eq(normal_email(&new.email)),
            users::name.eq(storable(&new.name)),
            users::role.eq(Word(role)),
            users::password_hash.eq(&new.password_hash),
        ))
        .returning(UserRow::as_returning())
        .get_result(connection)
        .await?)
}

/// Addresses differ in case only by accident.
fn normal_email(email: &str) -> String {
    storable(email.trim()).to_lowercase()
}
